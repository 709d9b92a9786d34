import { beforeEach, describe, expect, test } from "vitest";
import {
  createRegistry,
  createRunStore,
  memoryFiles,
  pipeline,
  readText,
  runSteps,
  writeText,
  type Context,
  type MutableFileSet,
  type RunOptions,
  type RunRecord,
  type StepEvent,
} from "@pare/core";
import { blob, blobLoader, count, ran, scale, type Blob } from "./fixtures/blob.ts";

const registry = createRegistry(blobLoader, scale, count);
const model = blob(Uint8Array.of(1, 2, 3));
let files: MutableFileSet;
let options: RunOptions;
beforeEach(() => {
  files = memoryFiles();
  options = { registry, store: createRunStore(files), seed: 1 };
  ran.length = 0;
});

const chain = (first: number, second: number) =>
  pipeline<{ model: Blob }>()
    .step(scale({ by: first }))
    .step(scale({ by: second }))
    .step(count({}));

describe("a run over a store", () => {
  test("gives what it gives without one, and nothing runs twice", async () => {
    const without = await chain(2, 3).run({ model }, { seed: 1 });
    expect(without.sum).toBe(3 * 3 + 1 + (5 * 3 + 1) + (7 * 3 + 1));
    expect(await chain(2, 3).run({ model }, options)).toMatchObject({ sum: without.sum, model: { bytes: without.model.bytes } });
    expect(await chain(2, 3).run({ model }, options)).toMatchObject({ sum: without.sum, model: { bytes: without.model.bytes } });
    expect(ran).toEqual(["scale 2", "scale 3", "count", "scale 2", "scale 3", "count"]);
  });

  test("runs again from the step whose option changed, and no earlier", async () => {
    await chain(2, 3).run({ model }, options);
    ran.length = 0;
    await chain(2, 5).run({ model }, options);
    expect(ran).toEqual(["scale 5", "count"]);
  });

  test("hands steps the chooser, and a stored step does not run again for another one", async () => {
    const seen: unknown[] = [];
    const step = {
      use: "test/seen",
      version: 1,
      options: {},
      run: async (_: object, context: Context) => (seen.push(context.chooser), {}),
    };
    for (const chooser of ["this one", "that one"]) await runSteps({ ...options, steps: [step], state: {}, chooser });
    expect(seen).toEqual(["this one"]);
  });

  test.each<[string, (old: RunOptions) => RunOptions]>([
    ["seed", (old) => ({ ...old, seed: 2 })],
    ["version of a package", (old) => ({ ...old, versions: { "@pare/test": "2.0.0" } })],
    ["kernel variant", (old) => ({ ...old, device: { backend: "wasm", variant: "simd" } })],
  ])("runs again under another %s", async (_what, change) => {
    await chain(2, 3).run({ model }, options);
    ran.length = 0;
    await chain(2, 3).run({ model }, change(options));
    expect(ran).toEqual(["scale 2", "scale 3", "count"]);
  });

  test("runs again from the first step whose options name a data file that changed", async () => {
    const reads = { ...scale({ by: 3 }), options: { retrain: { data: [{ use: "text", file: "train.txt" }] } } };
    const run = (content: string): Promise<unknown> => {
      const data = { "train.txt": content, "unread.txt": content };
      return runSteps({ ...options, steps: [scale({ by: 2 }), reads, count({})], state: { model }, data });
    };
    await run("one");
    await run("one");
    expect(ran).toEqual(["scale 2", "scale 3", "count"]);
    ran.length = 0;
    await run("two");
    // Its output is the same as before, so that the step after it does not run.
    expect(ran).toEqual(["scale 3"]);
  });

  test("runs again for another input, and not for a state value that the step does not need", async () => {
    const steps = [scale({ by: 2 })];
    await runSteps({ ...options, steps, state: { model, note: "a" } });
    await runSteps({ ...options, steps, state: { model, note: "b" } });
    expect(ran).toEqual(["scale 2"]);
    await runSteps({ ...options, steps, state: { model: blob(Uint8Array.of(9)), note: "b" } });
    expect(ran).toEqual(["scale 2", "scale 2"]);
  });

  test("runs a step again whose stored output lost bytes, and says so", async () => {
    await chain(2, 3).run({ model }, options);
    const victim = (await files.list("objects")).find((name) => name.endsWith("data.bin"))!;
    await writeText(files, victim, "x");
    ran.length = 0;
    const warnings: string[] = [];
    const { sum } = await chain(2, 3).run(
      { model },
      { ...options, onEvent: (event) => void (event.type === "warning" && warnings.push(event.message)) },
    );
    expect(sum).toBe(48);
    expect(ran).toHaveLength(1);
    expect(warnings).toEqual([expect.stringContaining("damaged (model)")]);
  });

  test("refuses an artifact that changes when it is saved and loaded", async () => {
    const lossy = { ...blobLoader, load: async () => blob(Uint8Array.of(0)) };
    const run = runSteps({ ...options, registry: createRegistry(lossy), steps: [scale({})], state: { model } });
    await expect(run).rejects.toThrow(expect.objectContaining({ code: "core/artifact-unstable" }));
    expect((await files.list("cache")).length).toBe(0);
  });
});

describe("the record", () => {
  const recordOf = async (): Promise<RunRecord> => JSON.parse(await readText(files, (await files.list("runs")).at(-1)!)) as RunRecord;

  test("holds what made each number, for stored steps too", async () => {
    const versions = { "@pare/test": "1.2.3" };
    const first = await runSteps({ ...options, versions, config: { recipe: "r" }, steps: [scale({ by: 2 })], state: { model } });
    expect(await recordOf()).toEqual(JSON.parse(JSON.stringify(first.record)));
    const hash = await model.hash();
    expect(first.record).toMatchObject({
      status: "complete",
      config: { recipe: "r" },
      seed: 1,
      versions,
      inputs: { model: { kind: "test/blob", hash } },
    });
    const [step] = first.record.steps;
    expect(step).toMatchObject({ use: "test/scale", version: 1, options: { by: 2 }, status: "ran", metrics: { bytes: 3 } });
    expect(step!.events.map((event) => event.type)).toEqual(["metric", "choice"]);
    expect(step!.peakMemoryBytes).toBeGreaterThan(1e6);
    const [again] = (await runSteps({ ...options, versions, steps: [scale({ by: 2 })], state: { model } })).record.steps;
    expect(again).toEqual({ ...step, status: "cached" });
  });

  test("says why a run failed, and keeps the steps before", async () => {
    const broken = { use: "test/broken", version: 1, options: {}, run: async () => Promise.reject(new Error("no luck")) };
    await expect(runSteps({ ...options, steps: [scale({}), broken], state: { model } })).rejects.toThrow("no luck");
    expect(await recordOf()).toMatchObject({
      status: "failed",
      error: { message: "no luck", step: "test/broken" },
      steps: [{ use: "test/scale" }],
    });
  });

  test("tells a run that was stopped from one that failed; the finished steps are kept", async () => {
    const stop = new AbortController();
    const run = runSteps({
      ...options,
      signal: stop.signal,
      steps: [scale({}), count({})],
      state: { model },
      afterStep: async () => stop.abort(),
    });
    await expect(run).rejects.toThrow(expect.objectContaining({ code: "core/cancelled", message: expect.stringContaining("1 of 2") }));
    expect(await recordOf()).toMatchObject({ status: "cancelled", error: { code: "core/cancelled" } });
    await runSteps({ ...options, steps: [scale({}), count({})], state: { model } });
    expect(ran).toEqual(["scale 2", "count"]);
  });

  test("keeps a loss that became NaN as its name", async () => {
    const diverges = {
      use: "test/diverges",
      version: 1,
      options: {},
      run: async (_state: object, { emit }: { emit: (event: { type: "metric"; loss: number }) => void }) => (
        emit({ type: "metric", loss: Number.NaN }),
        {}
      ),
    };
    await runSteps({ ...options, steps: [diverges], state: {} });
    expect((await recordOf()).steps[0]!.metrics).toEqual({ loss: "NaN" });
  });
});

test("listeners hear each step begin and end, and see the state after it", async () => {
  const heard: string[] = [];
  const sums: unknown[] = [];
  const listen: RunOptions = {
    ...options,
    onEvent: (event) => void (event.type === "step" && heard.push(`${(event as StepEvent).index} ${(event as StepEvent).status}`)),
    afterStep: async (_step, state) => void sums.push((await state())["sum"]),
  };
  await runSteps({ ...listen, steps: [scale({})], state: { model } });
  await runSteps({ ...listen, steps: [scale({}), count({})], state: { model } });
  expect(heard).toEqual(["0 begins", "0 ran", "0 begins", "0 cached", "1 begins", "1 ran"]);
  expect(sums).toEqual([undefined, undefined, 15]);
});

test("scratch files belong to one step with its options, outlive a failure, and go once its outputs are stored", async () => {
  const seen: (readonly string[])[] = [];
  const step = (fails: boolean, rate: number) => ({
    use: "test/train",
    version: 1,
    options: { rate },
    run: async (_state: object, { scratch }: { scratch?: MutableFileSet | undefined }) => {
      seen.push(await scratch!.list());
      await writeText(scratch!, "snapshot", "half");
      if (fails) throw new Error("crash");
      return {};
    },
  });
  await expect(runSteps({ ...options, steps: [step(true, 1)], state: {} })).rejects.toThrow("crash");
  await runSteps({ ...options, steps: [step(false, 2)], state: {} });
  await runSteps({ ...options, steps: [step(false, 1)], state: {} });
  expect(seen).toEqual([[], [], ["snapshot"]]);
  expect(await files.list("scratch")).toEqual([]);
});
