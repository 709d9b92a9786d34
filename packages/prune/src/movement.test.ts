import { memoryFiles, type MutableFileSet } from "@pare/core";
import { add, mul, sub, sum } from "@pare/tensor-core";
import type { Checkpoint } from "@pare/models";
import { crossEntropyLoss, finetune, type Objective } from "@pare/training";
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

  it("keeps what moves away from 0: not what is large", async () => {
    // A pull that shrinks the even columns of one matrix and grows the odd ones, far stronger than the text.
    const name = NAMES[0];
    const pull: Objective = {
      use: "test/pull",
      version: 1,
      options: {},
      models: ["teacher"],
      loss: (scope) => {
        const logits = scope.forward(scope.inputs);
        const away = sub(logits, mul(scope.frozen("teacher")(scope.inputs), 3));
        return add(mul(crossEntropyLoss(scope, logits), 1e-3), mul(sum(mul(away, away), [0, 1, 2]), scope.weight));
      },
    };
    // Without a teacher in the run state it is the model itself: what makes its logits larger is what grows.
    const { model } = await moved({ sparsity: 0.5, objective: pull, steps: 30 });
    const before = await valuesOf(toyModel(), name);
    const mask = await maskOf(model, name);
    const bySize = [...before.keys()].sort((a, b) => Math.abs(before[b]) - Math.abs(before[a])).slice(0, 128);
    expect(bySize.filter((at) => mask[at] === 0).length).toBeGreaterThan(10);
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
    const stop = new AbortController();
    const cut = await toyContext({ scratch, signal: stop.signal });
    const emit: typeof cut.emit = (event) => event.type === "metric" && event["step"] === 7 && stop.abort(new Error("cut off"));
    await expect(movement({ ...QUICK, sparsity: 0.5 }).run({ model: toyModel() }, { ...cut, emit })).rejects.toThrow("cut off");
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
