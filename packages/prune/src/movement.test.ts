import { memoryFiles, type MutableFileSet } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { compile, createStore, f32, gradients, greater, mul, openReference, sub, sum, trace, type Value } from "@pare/tensor-core";
import { batchTensors, finetune, nextToken, prepareSequences, subjectOf, traceLoss, type Objective } from "@pare/training";
import { describe, expect, it } from "vitest";
import { LINES, toyContext, toyModel, withQuantized } from "@pare/training/testing";
import { magnitude } from "./magnitude.ts";
import { movement, type MovementOptions } from "./movement.ts";

const NAMES = [0, 1].flatMap((layer) => ["query", "key", "value", "output"].map((name) => `layers.${layer}.${name}`));
const QUICK = { data: LINES, steps: 12, batch: 8, learningRate: 0.01, every: 3 } as const;

async function moved(options: Partial<MovementOptions>, model: Checkpoint = toyModel(), scratch?: MutableFileSet) {
  const context = await toyContext({ plugins: [finetune], scratch });
  const after = await movement({ ...QUICK, ...options }).run({ model }, context);
  return { model: after.model, context };
}

async function maskOf(model: Checkpoint, name: string): Promise<Uint8Array> {
  return (await model.weights.get(name)!.mask!()).data as Uint8Array;
}

async function valuesOf(model: Checkpoint, name: string): Promise<Float32Array> {
  return (await model.weights.get(name)!.dense()).data as Float32Array;
}

const zeros = (mask: Uint8Array): number => mask.filter((bit) => bit === 0).length;

describe("prune/movement, hard", () => {
  it("ends with the exact share of every matrix gone, and the rest trained", async () => {
    const { model, context } = await moved({ sparsity: 0.4 });
    for (const name of NAMES) {
      const mask = await maskOf(model, name);
      expect(zeros(mask)).toBe(Math.floor(mask.length * 0.4));
      (await valuesOf(model, name)).forEach((value, at) => expect(value !== 0).toBe(mask[at] === 1));
    }
    expect(await valuesOf(model, "embedding")).not.toEqual(await valuesOf(toyModel(), "embedding"));
    expect(model.provenance).toMatchObject({ deeds: [{ use: "prune/movement", options: { sparsity: 0.4 } }], seen: [{ data: "text" }] });
    const gone = context.events.find((event) => event.type === "metric" && event["name"] === "share that is gone");
    expect(gone).toMatchObject({ value: expect.closeTo(0.4, 1) });
  });

  it("lets go of what one step of training would move towards 0, however large it is", async () => {
    const context = await toyContext();
    const model = toyModel();
    const name = NAMES[0];
    const subject = subjectOf(model, context.registry);
    const { sequences } = await prepareSequences(model, { data: LINES }, context);
    const graph = trace((tracer) => {
      const weight = tracer.input("weight of the matrix", "f32", [16, 16]);
      const view = (of: string): Value | undefined => (of === name ? weight : undefined);
      return { slopes: gradients(traceLoss(tracer, { subject, frozen: {}, objective: nextToken(), view }), [weight])[0] };
    });
    const { inputs, predictions } = batchTensors(subject, sequences);
    const store = createStore(openReference(), { weights: model.weights });
    const given = { ...inputs, weight: f32([], [1 / predictions]), "weight of the matrix": await model.weights.get(name)!.dense() };
    const { slopes } = await compile(graph, { store }).run(given);
    const before = await valuesOf(model, name);

    const once = { steps: 1, batch: sequences.length, begin: 0, end: 1, every: 1 };
    const mask = await maskOf((await moved({ ...once, sparsity: 0.25 })).model, name);
    expect(zeros(mask)).toBe(64);
    // ∂L/∂S = ∂L/∂W′ ⊙ W: where slope and weight agree in sign, gradient descent makes score and weight smaller.
    mask.forEach((bit, at) => bit === 0 && expect((slopes.data[at] as number) * before[at]).toBeGreaterThan(0));
    const largest = Math.max(...before.map(Math.abs));
    const gone = [...before.keys()].filter((at) => mask[at] === 0).map((at) => Math.abs(before[at]));
    expect(Math.max(...gone)).toBeGreaterThan(largest / 2);
  });

  it("distils from the model as it was where no teacher is given", async () => {
    const asked: Objective = {
      use: "test/distil",
      version: 1,
      options: {},
      models: ["teacher"],
      loss: (scope) => {
        const away = sub(scope.forward(scope.inputs), scope.frozen("teacher")(scope.inputs));
        return mul(sum(mul(sum(mul(away, away), [2]), greater(scope.targets, -1)), [0, 1]), scope.weight);
      },
    };
    const { context } = await moved({ sparsity: 0.4, begin: 0.5, objective: asked });
    const losses = context.events.flatMap((event) =>
      event.type === "metric" && event["loss"] !== undefined ? [event["loss"] as number] : [],
    );
    // Nothing is pruned yet: the model is its own teacher.
    expect(losses[0]).toBeCloseTo(0, 6);
    expect(Math.max(...losses)).toBeGreaterThan(1e-3);
  });

  it("prunes blocks, stays on what earlier steps pruned, and retrains", async () => {
    const { model: first } = await magnitude({ sparsity: 0.25, pattern: "4x1" }).run({ model: toyModel() }, await toyContext());
    const retrain = { use: "train/finetune", data: LINES, steps: 2 };
    const { model } = await moved({ sparsity: 0.5, pattern: "4x1", storage: "sparse", retrain }, first);
    expect(model.weights.get(NAMES[0])!.storage).toBe("sparse/block");
    const [old, mask] = [await maskOf(first, NAMES[0]), await maskOf(model, NAMES[0])];
    mask.forEach((bit, at) => expect(bit).toBeLessThanOrEqual(old[at]));
    expect(model.provenance.deeds.map(({ use }) => use)).toEqual(["prune/magnitude", "prune/movement", "train/finetune"]);
  });

  it("ends in the same bytes after a cut", async () => {
    const scratch = memoryFiles();
    const cut = await toyContext({ scratch, cutOff: (event) => event.type === "metric" && event["step"] === 7 });
    await expect(movement({ ...QUICK, sparsity: 0.5 }).run({ model: toyModel() }, cut)).rejects.toThrow("cut off");
    const again = await moved({ sparsity: 0.5 }, undefined, scratch);
    expect(await again.model.hash()).toBe(await (await moved({ sparsity: 0.5 })).model.hash());
  });
});

describe("prune/movement, soft", () => {
  it("prunes more when scores cost more", async () => {
    const share = async (penalty: number): Promise<number> => {
      const { context } = await moved({ threshold: 0.48, penalty, rate: 2, steps: 20 });
      const event = context.events.find((one) => one.type === "metric" && one["name"] === "share that is gone");
      return (event as unknown as { value: number }).value;
    };
    const [little, much] = [await share(0.01), await share(1000)];
    expect(little).toBeGreaterThan(0);
    expect(much).toBeGreaterThan(little + 0.1);
  });

  it("leaves every matrix with the mask of its scores", async () => {
    const { model } = await moved({ threshold: 0.48, penalty: 100, rate: 2, storage: "dense" });
    for (const name of NAMES) {
      const mask = await maskOf(model, name);
      (await valuesOf(model, name)).forEach((value, at) => mask[at] === 0 && expect(value).toBe(0));
    }
  });
});

describe("prune/movement", () => {
  it("refuses quantized weights and options that contradict each other", async () => {
    await expect(moved({ sparsity: 0.5 }, withQuantized(toyModel(), NAMES[2]))).rejects.toMatchObject({ code: "prune/quantized-weight" });
    expect(() => movement({ ...QUICK })).toThrow(/give `sparsity` \(hard\)/);
    expect(() => movement({ ...QUICK, sparsity: 0.5, threshold: 0.1, penalty: 1 })).toThrow(/give `sparsity` \(hard\)/);
    expect(() => movement({ ...QUICK, threshold: 0.1 })).toThrow(/go together/);
    expect(() => movement({ ...QUICK, sparsity: 0.5, begin: 0.8 })).toThrow(/`begin` is less than `end`/);
  });
});
