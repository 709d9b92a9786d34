import { withWeights, type Checkpoint } from "@pare/models";
import { denseOf, f32, type HostTensor } from "@pare/tensor-core";
import { changeLayers, finetune, prepareSequences } from "@pare/training";
import { describe, expect, it } from "vitest";
import { LINES, toyContext, toyModel, withQuantized } from "@pare/training/testing";
import type { CalibratedPruningOptions } from "./calibrated-pruning.ts";
import { magnitude } from "./magnitude.ts";
import { sparsegpt } from "./sparsegpt.ts";
import { wanda } from "./wanda.ts";

const NAMES = [0, 1].flatMap((layer) => ["query", "key", "value", "output"].map((name) => `layers.${layer}.${name}`));
const STAGES = { wanda, sparsegpt } as const;
const FIRST = NAMES[0];

async function pruned(stage: keyof typeof STAGES, options: Partial<CalibratedPruningOptions>, model: Checkpoint = toyModel()) {
  return (await STAGES[stage]({ data: LINES, ...options }).run({ model }, await toyContext())).model;
}

async function maskOf(model: Checkpoint, name: string): Promise<Uint8Array> {
  return (await model.weights.get(name)!.mask!()).data as Uint8Array;
}

async function valuesOf(model: Checkpoint, name: string): Promise<Float32Array> {
  return (await model.weights.get(name)!.dense()).data as Float32Array;
}

/** XᵀX of a weight of the untouched model, `[in, in]`. */
async function gramOf(name: string): Promise<Float32Array> {
  const context = await toyContext();
  const { sequences } = await prepareSequences(toyModel(), { data: LINES }, context);
  let gram = new Float32Array();
  await changeLayers({
    model: toyModel(),
    sequences,
    batch: 4,
    sequential: false,
    statistic: "gram",
    change: async (weight) => {
      if (weight.name === name) gram = weight.statistic as Float32Array<ArrayBuffer>;
      return weight.stored;
    },
    context,
    use: "test",
  });
  return gram;
}

/** Σ over rows of (w − ŵ)ᵀ XᵀX (w − ŵ): by how much the outputs on calibration data change. */
async function damage(before: Checkpoint, after: Checkpoint, name: string): Promise<number> {
  const gram = await gramOf(name);
  const size = Math.sqrt(gram.length);
  const [a, b] = [await valuesOf(before, name), await valuesOf(after, name)];
  let total = 0;
  for (let row = 0; row < a.length; row += size) {
    const delta = Float64Array.from({ length: size }, (_, i) => a[row + i] - b[row + i]);
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) total += delta[i] * gram[i * size + j] * delta[j];
  }
  return total;
}

const zeros = (mask: Uint8Array): number => mask.length - mask.reduce((sum, bit) => sum + bit, 0);

describe.each(["wanda", "sparsegpt"] as const)("prune/%s", (stage) => {
  it("removes the exact share and leaves its deed and what it saw", async () => {
    const model = await pruned(stage, { sparsity: 0.3 });
    for (const name of NAMES) {
      const mask = await maskOf(model, name);
      const expected = stage === "wanda" ? (mask.length / 16) * Math.floor(16 * 0.3) : Math.floor(mask.length * 0.3);
      expect(zeros(mask)).toBe(expected);
      (await valuesOf(model, name)).forEach((value, at) => expect(value !== 0).toBe(mask[at] === 1));
    }
    expect(model.weights.get("embedding")!.mask).toBeUndefined();
    const options = { sparsity: 0.3, pattern: "unstructured", sequential: true, batch: 16 };
    expect(model.provenance.deeds).toMatchObject([{ use: `prune/${stage}`, options, seed: 5 }]);
    expect(model.provenance.seen).toMatchObject([{ data: "text" }]);
  });

  it("prunes the weights that are named, each by its own share", async () => {
    const before = toyModel();
    const model = await pruned(stage, { sparsity: { [NAMES[5]]: 0.5 } }, before);
    for (const name of NAMES) expect(model.weights.get(name) === before.weights.get(name)).toBe(name !== NAMES[5]);
    expect(zeros(await maskOf(model, NAMES[5]))).toBe(64);
    await expect(pruned(stage, { sparsity: { nothing: 0.5 } })).rejects.toMatchObject({ code: "prune/part-unknown" });
  });

  it("keeps two of four consecutive inputs", async () => {
    const model = await pruned(stage, { pattern: "2:4" });
    for (const name of NAMES) {
      const mask = await maskOf(model, name);
      for (let at = 0; at < mask.length; at += 4) expect(zeros(mask.subarray(at, at + 4))).toBe(2);
    }
  });

  it.each(["4x1", "4x2", "8x1", "16x1"] as const)("prunes whole blocks %s, and stores them as such", async (pattern) => {
    const model = await pruned(stage, { sparsity: 0.5, pattern, storage: "sparse" });
    const [height, width] = pattern.split("x").map(Number);
    for (const name of NAMES) {
      const { shape, storage } = model.weights.get(name)!;
      const [rows, columns] = shape;
      const mask = await maskOf(model, name);
      expect(storage).toBe("sparse/block");
      mask.forEach((bit, at) => {
        const [row, column] = [Math.floor(at / columns), at % columns];
        expect(bit).toBe(mask[(row - (row % height)) * columns + column - (column % width)]);
      });
      expect(zeros(mask)).toBe((rows * columns) / 2);
    }
  });

  it("counts what earlier steps pruned and never revives it", async () => {
    const { model: first } = await magnitude({ sparsity: 0.3 }).run({ model: toyModel() }, await toyContext());
    for (const options of [{ sparsity: 0.5 }, { sparsity: 0.1 }, { sparsity: 0.5, pattern: "4x1" }, { pattern: "2:4" }] as const) {
      const after = await pruned(stage, options, first);
      for (const name of NAMES) {
        const [old, mask] = [await maskOf(first, name), await maskOf(after, name)];
        mask.forEach((bit, at) => expect(bit).toBeLessThanOrEqual(old[at]));
        (await valuesOf(after, name)).forEach((value, at) => mask[at] === 0 && expect(value).toBe(0));
      }
    }
  });

  it("gives the same bytes again, and retrains what is left", async () => {
    const again = [await pruned(stage, { sparsity: 0.5 }), await pruned(stage, { sparsity: 0.5 })];
    expect(await again[0].hash()).toBe(await again[1].hash());
    const context = await toyContext({ plugins: [finetune] });
    const retrain = { use: "train/finetune", data: LINES, steps: 2 };
    const { model } = await STAGES[stage]({ data: LINES, sparsity: 0.5, retrain }).run({ model: toyModel() }, context);
    expect(model.provenance.deeds.map(({ use }) => use)).toEqual([`prune/${stage}`, "train/finetune"]);
    expect(await maskOf(model, FIRST)).toEqual(await maskOf(again[0], FIRST));
  });

  it("refuses what it cannot prune and options that contradict each other", async () => {
    await expect(pruned(stage, { sparsity: 0.5 }, withQuantized(toyModel(), NAMES[3]))).rejects.toMatchObject({
      code: "prune/quantized-weight",
    });
    const nan: HostTensor = f32([16, 16], new Float32Array(256).fill(NaN));
    const broken = withWeights(toyModel(), [[NAMES[0], denseOf(nan)]]);
    await expect(pruned(stage, { sparsity: 0.5 }, broken)).rejects.toThrow(/not-finite/);
    expect(() => STAGES[stage]({ data: LINES })).toThrow(/give `sparsity`, or a pattern N:M/);
    expect(() => STAGES[stage]({ data: LINES, sparsity: 0.5, pattern: "2:4" })).toThrow(/give `sparsity`, or a pattern N:M/);
    expect(() => STAGES[stage]({ data: LINES, pattern: "4:4" })).toThrow(/core\/options-invalid/);
  });
});

describe("prune/wanda", () => {
  it("removes the least |w|·‖x‖ of every row and leaves the rest as they were", async () => {
    const gram = await gramOf(FIRST);
    const before = await valuesOf(toyModel(), FIRST);
    const after = await valuesOf(await pruned("wanda", { sparsity: 0.5 }), FIRST);
    for (let row = 0; row < before.length; row += 16) {
      const scores = Array.from({ length: 16 }, (_, i) => Math.abs(before[row + i]) * Math.sqrt(gram[i * 17]));
      const limit = [...scores].sort((a, b) => a - b)[7];
      scores.forEach((score, i) => expect(after[row + i]).toBe(score <= limit ? 0 : before[row + i]));
    }
  });
});

describe("prune/sparsegpt", () => {
  it("changes what the first layer computes least of the three", async () => {
    const { model: small } = await magnitude({ sparsity: 0.5, scope: "row" }).run({ model: toyModel() }, await toyContext());
    const damages: number[] = [];
    for (const model of [await pruned("sparsegpt", { sparsity: 0.5 }), await pruned("wanda", { sparsity: 0.5 }), small])
      damages.push(await damage(toyModel(), model, FIRST));
    expect([...damages].sort((a, b) => a - b)).toEqual(damages);
    expect(damages[0]).toBeLessThan(0.9 * damages[1]);
  });

  it("meets the share over all blocks together, whatever their width", async () => {
    for (const block of [5, 16, 100]) {
      const { model } = await sparsegpt({ data: LINES, sparsity: 0.37, block }).run({ model: toyModel() }, await toyContext());
      expect(zeros(await maskOf(model, FIRST))).toBe(Math.floor(256 * 0.37));
    }
  });
});

describe("blocks", () => {
  it("of Wanda go by the norm of their scores, within their rows", async () => {
    const gram = await gramOf(FIRST);
    const before = await valuesOf(toyModel(), FIRST);
    const mask = await maskOf(await pruned("wanda", { sparsity: 0.5, pattern: "4x1" }), FIRST);
    for (let band = 0; band < 16; band += 4) {
      const scores = Array.from({ length: 16 }, (_, column) =>
        Math.hypot(...[0, 1, 2, 3].map((row) => before[(band + row) * 16 + column] * Math.sqrt(gram[column * 17]))),
      );
      const limit = [...scores].sort((a, b) => a - b)[7];
      scores.forEach((score, column) => expect(mask[band * 16 + column]).toBe(score <= limit ? 0 : 1));
    }
  });

  it("of SparseGPT change outputs less than those of Wanda, which move nothing", async () => {
    const [before, options] = [toyModel(), { sparsity: 0.5, pattern: "4x1", sequential: false } as const];
    const [moved, still] = [await pruned("sparsegpt", options, before), await pruned("wanda", options, before)];
    expect(await damage(before, moved, FIRST)).toBeLessThan(await damage(before, still, FIRST));
  });
});
