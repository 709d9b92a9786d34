import { afterEach, expect, test, vi } from "vitest";
import { createTurns } from "./turns.ts";

afterEach(() => vi.unstubAllGlobals());

test.each(["setImmediate", "MessageChannel"])("work that never waits still hears what the event loop brings, by %s", async (by) => {
  if (by === "MessageChannel") vi.stubGlobal("setImmediate", undefined);
  const ear = { heard: false };
  setTimeout(() => (ear.heard = true), 0);
  const turns = createTurns();
  const begin = performance.now();
  while (!ear.heard && performance.now() - begin < 10_000) await turns();
  expect(ear.heard).toBe(true);
});

test("work between two turns is not held up", async () => {
  const ear = { heard: false };
  setImmediate(() => (ear.heard = true));
  await createTurns()();
  expect(ear.heard).toBe(false);
});
