import { expect, test } from "vitest";
import { z } from "zod";
import type { Context } from "./context.ts";
import { memoryFiles } from "./files.ts";
import { localRunner } from "./local-runner.ts";
import type { Job, JobResult } from "./plugin.ts";
import { createRegistry } from "./registry.ts";
import { defineStage } from "./stage.ts";
import { createRunStore } from "./run-store.ts";

async function setUp(concurrency: number) {
  const seen = { runs: 0, now: 0, most: 0 };
  const square = defineStage({
    id: "test/square",
    version: 1,
    package: "@pare/test",
    options: z.object({ wait: z.number().default(0) }),
    run: async (state: { n: number }, { wait }, { emit }) => {
      seen.runs++;
      seen.most = Math.max(seen.most, ++seen.now);
      await new Promise((resolve) => setTimeout(resolve, wait));
      seen.now--;
      if (state.n < 0) throw new Error("negative");
      emit({ type: "metric", squared: state.n ** 2 });
      return { n: state.n ** 2 };
    },
  });
  const store = createRunStore(memoryFiles());
  const registry = createRegistry(square);
  const stop = new AbortController();
  const context: Context = { seed: 0, signal: stop.signal, registry, device: undefined, emit: () => {} };
  const job = async (n: number, wait = 0): Promise<Job> => ({
    step: { use: "test/square", version: 1, options: { wait } },
    inputs: { n: (await store.put("n", n, registry)).hash },
    seed: 7,
  });
  return { seen, store, registry, stop, context, job, runner: localRunner({ store, concurrency }) };
}

async function collect(results: AsyncIterable<JobResult>): Promise<JobResult[]> {
  const all: JobResult[] = [];
  for await (const result of results) all.push(result);
  return all;
}

test("jobs run through the store, at most so many at once, and results come in the order of the jobs", async () => {
  const { seen, store, registry, context, job, runner } = await setUp(2);
  const jobs = await Promise.all([job(1, 30), job(2, 1), job(3, 1), job(4, 1)]);
  const results = await collect(runner.map(jobs, context));
  expect(results.map(({ metrics }) => metrics["squared"])).toEqual([1, 4, 9, 16]);
  expect(await store.get(results[3]!.outputs["n"]!, registry)).toBe(16);
  expect(seen.most).toBe(2);
  await collect(runner.map(jobs, context));
  expect(seen.runs).toBe(4);
});

test("the first failure in order ends the whole", async () => {
  const { context, job, runner } = await setUp(3);
  await expect(collect(runner.map([await job(1), await job(-1), await job(3)], context))).rejects.toThrow("negative");
});

test("an input that the store does not hold is named", async () => {
  const { context, job, runner } = await setUp(1);
  await expect(collect(runner.map([{ ...(await job(1)), inputs: { n: "0".repeat(64) } }], context))).rejects.toThrow(
    expect.objectContaining({ code: "core/object-missing", message: expect.stringContaining("000") }),
  );
});

test("an aborted signal starts no further job", async () => {
  const { seen, stop, context, job, runner } = await setUp(1);
  const jobs = [await job(1), await job(2), await job(3)];
  const run = async (): Promise<void> => {
    for await (const { metrics } of runner.map(jobs, context)) if (metrics["squared"] === 1) stop.abort();
  };
  await expect(run()).rejects.toThrow();
  expect(seen.runs).toBe(1);
});
