import { afterEach, expect, test, vi } from "vitest";
import { createTurns } from "./turns.ts";

afterEach(() => vi.unstubAllGlobals());

test.each(["setImmediate", "MessageChannel"])("work that never waits still hears what the event loop brings, by %s", async (by) => {
  if (by === "MessageChannel") vi.stubGlobal("setImmediate", undefined);
  let heard = false;
  setTimeout(() => (heard = true), 0);
  const turns = createTurns();
  const begin = performance.now();
  while (!heard && performance.now() - begin < 10_000) await turns();
  expect(heard).toBe(true);
});

test("work between two turns is not held up", async () => {
  let heard = false;
  setImmediate(() => (heard = true));
  await createTurns()();
  expect(heard).toBe(false);
});
