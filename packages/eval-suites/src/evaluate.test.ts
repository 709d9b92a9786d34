import { createRegistry, defineSuite, type Context, type RunEvent } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { expect, it, vi } from "vitest";
import { z } from "zod";
import { evaluate } from "./evaluate.ts";

const subject = {} as Checkpoint;

function setup() {
  const run = vi.fn(async (_subject: Checkpoint, { data = "" }: { data?: string | undefined; more?: number | undefined }) => ({
    metrics: { length: data.length },
  }));
  const options = z.object({ data: z.string().optional(), more: z.number().optional() });
  const suite = defineSuite({ id: "test/length", version: 3, package: "here", citation: "nobody", options, run });
  const events: RunEvent[] = [];
  const context: Context = {
    seed: 1,
    signal: new AbortController().signal,
    registry: createRegistry(suite) as Context["registry"],
    device: undefined,
    emit: (event) => events.push(event),
  };
  return { suite, run, events, context };
}

it("runs suites by name or by value and tells each result as an event", async () => {
  const { suite, events, context } = setup();
  const { results } = await evaluate(
    subject,
    [
      { use: "test/length", more: 2 },
      { use: suite, data: "four" },
    ],
    context,
  );
  expect(results).toEqual([
    { suite: "test/length", version: 3, citation: "nobody", options: { more: 2 }, metrics: { length: 0 } },
    { suite: "test/length", version: 3, citation: "nobody", options: {}, metrics: { length: 4 } },
  ]);
  expect(events.map((event) => event.type)).toEqual(["metric", "metric"]);
});

it("checks every name and option before the first suite runs", async () => {
  const { run, context } = setup();
  const first = { use: "test/length" };
  await expect(evaluate(subject, [first, { use: "test/lenght" }], context)).rejects.toMatchObject({ code: "core/plugin-unknown" });
  await expect(evaluate(subject, [first, { use: "test/length", more: "x" }], context)).rejects.toMatchObject({
    code: "core/options-invalid",
  });
  await expect(evaluate(subject, [first, { use: "test/length", mroe: 1 }], context)).rejects.toMatchObject({ code: "core/option-unknown" });
  expect(run).not.toHaveBeenCalled();
});
