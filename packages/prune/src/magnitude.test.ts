import { withWeights, type Checkpoint } from "@pare/models";
import { denseOf, f32 } from "@pare/tensor-core";
import { finetune } from "@pare/training";
import { describe, expect, it } from "vitest";
import { LINES, logitsOf, toyContext, toyModel, withQuantized } from "@pare/training/testing";
import { magnitude, type MagnitudeOptions } from "./magnitude.ts";

const NAMES = [0, 1].flatMap((layer) => ["query", "key", "value", "output"].map((name) => `layers.${layer}.${name}`));

async function pruned(options: MagnitudeOptions, model: Checkpoint = toyModel()): Promise<Checkpoint> {
  return (await magnitude(options).run({ model }, await toyContext())).model;
}

async function masks({ weights }: Checkpoint): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (const name of NAMES) found.push((await weights.get(name)!.mask!()).data as Uint8Array);
  return found;
}

const zeros = (mask: Uint8Array): number => mask.length - mask.reduce((sum, bit) => sum + bit, 0);

describe("prune/magnitude", () => {
  it("removes the exact share of every matrix, the smallest values, and nothing else", async () => {
    const before = toyModel();
    const model = await pruned({ sparsity: 0.3 });
    const all = await masks(model);
    expect(all.map(zeros)).toEqual([256, 128, 128, 256, 256, 128, 128, 256].map((n) => Math.floor(n * 0.3)));
    for (const [at, name] of NAMES.entries()) {
      const values = (await before.weights.get(name)!.dense()).data as Float32Array;
      const kept = [...values].filter((_, i) => all[at][i] === 1).map(Math.abs);
      const gone = [...values].filter((_, i) => all[at][i] === 0).map(Math.abs);
      expect(Math.max(...gone)).toBeLessThanOrEqual(Math.min(...kept));
      const expected = [...values].map((value, i) => (all[at][i] === 1 ? value : 0));
      expect([...((await model.weights.get(name)!.dense()).data as Float32Array)]).toEqual(expected);
    }
    expect(model.weights.get("embedding")!.mask).toBeUndefined();
    expect(model.provenance.deeds).toMatchObject([
      { use: "prune/magnitude", options: { sparsity: 0.3, pattern: "unstructured", scope: "matrix" } },
    ]);
  });

  it("meets the share in each row, or over all matrices together", async () => {
    const rows = await masks(await pruned({ sparsity: 0.25, scope: "row" }));
    for (const mask of rows) for (let row = 0; row < mask.length; row += 16) expect(zeros(mask.subarray(row, row + 16))).toBe(4);
    const model = toyModel();
    const loud = withWeights(model, [[NAMES[0], denseOf(f32([16, 16], new Float32Array(256).fill(9)))]]);
    const counts = (await masks(await pruned({ sparsity: 0.5, scope: "global", storage: "dense" }, withMaskEverywhere(loud)))).map(zeros);
    expect(counts[0]).toBe(0);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(768);
  });

  it("meets a share of its own in each weight that is named, and leaves the rest", async () => {
    const before = toyModel();
    const model = await pruned({ sparsity: { [NAMES[1]]: 0.5, [NAMES[3]]: 0.25 }, storage: "dense" }, before);
    expect(zeros((await model.weights.get(NAMES[1])!.mask!()).data as Uint8Array)).toBe(64);
    expect(zeros((await model.weights.get(NAMES[3])!.mask!()).data as Uint8Array)).toBe(64);
    expect(model.weights.get(NAMES[0])).toBe(before.weights.get(NAMES[0]));
    await expect(pruned({ sparsity: { "layers.0.quary": 0.5 } })).rejects.toMatchObject({ code: "prune/part-unknown" });
    expect(() => magnitude({ sparsity: { [NAMES[1]]: 0.5 }, scope: "global" })).toThrow(/shares by weight/);
  });

  it("removes whole blocks of four outputs", async () => {
    const model = await pruned({ sparsity: 0.5, pattern: "4x1" });
    expect(NAMES.map((name) => model.weights.get(name)!.storage)).toEqual(NAMES.map(() => "sparse/block"));
    for (const mask of await masks(model)) {
      for (let i = 0; i < mask.length; i++) expect(mask[i]).toBe(mask[Math.floor(i / 64) * 64 + (i % 16)]);
      expect(zeros(mask)).toBe(mask.length / 2);
    }
  });

  it("keeps the largest N of M consecutive inputs", async () => {
    const before = (await toyModel().weights.get(NAMES[0])!.dense()).data as Float32Array;
    const model = await pruned({ pattern: "1:4" });
    const [mask] = await masks(model);
    for (let at = 0; at < mask.length; at += 4) {
      const group = [...before.subarray(at, at + 4)].map(Math.abs);
      expect([...mask.subarray(at, at + 4)]).toEqual(group.map((value) => (value === Math.max(...group) ? 1 : 0)));
    }
    expect(() => magnitude({ pattern: "2:4", sparsity: 0.5 })).toThrow(/give `sparsity`, or a pattern N:M/);
    expect(() => magnitude({ pattern: "2:4", scope: "row" })).toThrow(/leave `scope` out/);
    expect(() => magnitude({})).toThrow(/give `sparsity`/);
  });

  it("gives the storage asked for, or the smaller, and the same logits from each", async () => {
    const storage = async (options: MagnitudeOptions) => (await pruned(options)).weights.get(NAMES[0])!.storage;
    expect(await storage({ sparsity: 0.2 })).toBe("dense");
    expect(await storage({ sparsity: 0.8 })).toBe("sparse/csr");
    expect(await storage({ sparsity: 0.2, storage: "sparse" })).toBe("sparse/csr");
    expect(await storage({ sparsity: 0.8, storage: "dense" })).toBe("dense");
    for (const pattern of ["unstructured", "4x1"] as const) {
      const dense = await logitsOf(await pruned({ sparsity: 0.7, pattern, storage: "dense" }), [1, 4, 5, 6]);
      const sparse = await logitsOf(await pruned({ sparsity: 0.7, pattern, storage: "sparse" }), [1, 4, 5, 6]);
      dense.forEach((value, i) => expect(sparse[i]).toBeCloseTo(value, 5));
    }
  });

  it("counts what earlier steps pruned and never revives it", async () => {
    const first = await pruned({ sparsity: 0.3, pattern: "4x1" });
    const before = await masks(first);
    const after = await masks(await pruned({ sparsity: 0.6 }, first));
    after.forEach((mask, at) => {
      expect(zeros(mask)).toBe(Math.floor(mask.length * 0.6));
      mask.forEach((bit, i) => expect(bit).toBeLessThanOrEqual(before[at][i]));
    });
  });

  it("retrains with the step it is given, live or by name, and keeps what is pruned", async () => {
    const context = await toyContext({ plugins: [finetune] });
    const options = { data: LINES, steps: 5, batch: 8 };
    const live = (await magnitude({ sparsity: 0.5, retrain: finetune(options) }).run({ model: toyModel() }, context)).model;
    const named = (await magnitude({ sparsity: 0.5, retrain: { use: "train/finetune", ...options } }).run({ model: toyModel() }, context))
      .model;
    expect(await live.hash()).toBe(await named.hash());
    expect(live.provenance.deeds.map(({ use }) => use)).toEqual(["prune/magnitude", "train/finetune"]);
    const untrained = await pruned({ sparsity: 0.5 });
    expect(await masks(live)).toEqual(await masks(untrained));
    expect((await live.weights.get(NAMES[0])!.dense()).data).not.toEqual((await untrained.weights.get(NAMES[0])!.dense()).data);
    expect(JSON.parse(JSON.stringify(magnitude({ sparsity: 0.5, retrain: finetune(options) }).options))).toMatchObject({
      sparsity: 0.5,
      retrain: { use: "train/finetune", steps: 5 },
    });
  });

  it("refuses quantized weights and values without a rank", async () => {
    await expect(pruned({ sparsity: 0.5 }, withQuantized(toyModel(), NAMES[3]))).rejects.toMatchObject({ code: "prune/quantized-weight" });
    const broken = withWeights(toyModel(), [[NAMES[1], denseOf(f32([8, 16], new Float32Array(128).fill(NaN)))]]);
    await expect(pruned({ sparsity: 0.5 }, broken)).rejects.toThrow(/layers\.0\.key[\s\S]*prune\/not-finite/);
    expect(() => magnitude({ sparsity: 1 })).toThrow(/core\/options-invalid/);
  });
});

/** A mask of ones on every matrix, so that each has one to count in. */
function withMaskEverywhere(model: Checkpoint): Checkpoint {
  const ones = (shape: readonly number[]) => ({ dtype: "u8" as const, shape, data: new Uint8Array(shape[0] * shape[1]).fill(1) });
  return withWeights(
    model,
    NAMES.map((name) => {
      const stored = model.weights.get(name)!;
      return [name, { ...stored, mask: async () => ones(stored.shape) }] as const;
    }),
  );
}
