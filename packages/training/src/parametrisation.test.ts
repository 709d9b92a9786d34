import { add, f32, greater, mul, straightThrough, sub, sum, zeros, type Value } from "@pare/tensor-core";
import { memoryFiles } from "@pare/core";
import { describe, expect, it } from "vitest";
import { nextToken } from "./objectives/next-token.ts";
import { prepareSequences } from "./sequences.ts";
import { LINES, toyContext, toyModel, type ToyContextOptions } from "./testing/index.ts";
import { train, type StepDone, type TrainOptions } from "./train.ts";
import type { Leaf, TrainableView } from "./view.ts";

const SETTINGS: TrainOptions["settings"] = {
  steps: 6,
  batch: 8,
  accumulate: 1,
  remat: false,
  learningRate: 0.01,
  schedule: "constant",
  warmup: 0,
  weightDecay: 0,
  clip: 0,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
};
const NORM = "norm";

/** Trains the scale of the toy's last norm alone, as this view of it. */
async function trainNorm(
  view: TrainableView,
  options: Partial<TrainOptions> = {},
  given: ToyContextOptions = {},
): Promise<readonly number[]> {
  const context = await toyContext(given);
  const model = toyModel();
  const { sequences } = await prepareSequences(model, { data: LINES }, context);
  const { weights } = await train({
    model,
    sequences,
    context,
    objective: nextToken(),
    settings: SETTINGS,
    views: ({ name }) => (name === NORM ? view : "frozen"),
    ...options,
  });
  return [...((await weights.get(NORM)!.dense()).data as Float32Array)];
}

function leaf(value: number, rest: Partial<Leaf> = {}): Leaf {
  return { shape: [16], initial: async () => f32([16], new Float32Array(16).fill(value)), group: "plain", ...rest };
}

const finalise: TrainableView["finalise"] = async (read) => {
  const { denseOf } = await import("@pare/tensor-core");
  return denseOf(await read("values"));
};

describe("a parametrisation", () => {
  it("moves a leaf by its own rate: Adam's first step is the learning rate itself", async () => {
    const moved = async (rate?: number): Promise<number> => {
      const settings = { ...SETTINGS, steps: 1 };
      const plain: TrainableView = { leaves: { values: leaf(1, { rate }) }, value: (of) => of("values"), finalise };
      return Math.max(...(await trainNorm(plain, { settings })).map((value) => Math.abs(value - 1)));
    };
    expect(await moved()).toBeCloseTo(0.01, 4);
    expect(await moved(5)).toBeCloseTo(0.05, 4);
  });

  it("adds a penalty to the loss, the same in one pass as in several", async () => {
    const view: TrainableView = { leaves: { values: leaf(1) }, value: (of) => of("values"), finalise };
    // Far larger than what the data says: the values go where the penalty is least.
    const penalty: TrainOptions["penalty"] = (of) => {
      const away = sub(of(NORM, "values"), 1.02);
      return mul(sum(mul(away, away), [0]), 1e4);
    };
    const settings = { ...SETTINGS, steps: 60, schedule: "linear" as const };
    const alone = await trainNorm(view, { penalty, settings });
    for (const value of alone) expect(value).toBeCloseTo(1.02, 2);
    const inParts = await trainNorm(view, { penalty, settings: { ...settings, accumulate: 4 } });
    inParts.forEach((value, i) => expect(value).toBeCloseTo(alone[i], 4));
  });

  it("gives steps their inputs and sets constant leaves between them, also after a cut", async () => {
    const view: TrainableView = {
      leaves: { values: leaf(1), mask: leaf(1, { group: "constant" }) },
      value: (of, tracer) => mul(mul(of("values"), of("mask")), tracer.input("size", "f32", [])),
      finalise,
    };
    const inputs: TrainOptions["inputs"] = (done) => ({ size: f32([], [1 + done / 10]) });
    const halves = f32(
      [16],
      Float32Array.from({ length: 16 }, (_, i) => i % 2),
    );
    const onStep = ({ done, write }: StepDone): void => {
      if (done === 2) write(NORM, "mask", halves);
    };
    const whole = await trainNorm(view, { inputs, onStep });
    const two = await trainNorm(view, { inputs, settings: { ...SETTINGS, steps: 2 } });
    // What the mask holds back has a gradient of 0 from the third step on: only Adam's momentum moves it.
    const moved = (i: number): number => Math.abs(whole[i] - two[i]);
    expect(Math.max(moved(0), moved(2), moved(4))).toBeGreaterThan(0);

    const scratch = memoryFiles();
    const stop = new AbortController();
    const cut = ({ done, ...rest }: StepDone): void => {
      onStep({ done, ...rest });
      if (done === 4) stop.abort(new Error("cut off"));
    };
    await expect(trainNorm(view, { inputs, onStep: cut }, { scratch, signal: stop.signal })).rejects.toThrow("cut off");
    expect(await trainNorm(view, { inputs, onStep }, { scratch })).toEqual(whole);
  });

  it("trains scores through a mask of them, straight through", async () => {
    let scores: readonly number[] = [];
    const view: TrainableView = {
      leaves: { values: leaf(1, { group: "constant" }), scores: leaf(0.5) },
      value: (of) => mul(of("values"), straightThrough(greater(of("scores"), 0), of("scores"))),
      finalise: async (read) => {
        scores = [...((await read("scores")).data as Float32Array)];
        return finalise(read);
      },
    };
    expect(await trainNorm(view)).toEqual(Array.from({ length: 16 }, () => 1));
    expect(scores.filter((score) => score !== 0.5)).toHaveLength(16);
  });

  it("asks for sites of the model under training", async () => {
    const view: TrainableView = { leaves: { values: leaf(1) }, value: (of) => of("values"), finalise };
    const silent = (value: Value): Value => add(mul(value, 0), 0);
    const without = await trainNorm(view, { sites: { "layers.1": { transform: silent } } });
    // RMSNorm of zeros: no gradient, nothing moves.
    expect(without).toEqual([...(zeros("f32", [16]).data as Float32Array)].map(() => 1));
  });
});
