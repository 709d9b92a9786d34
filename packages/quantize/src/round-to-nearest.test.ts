import { withWeights, type Checkpoint } from "@pare/models";
import { denseOf, f32, uniform, type HostTensor } from "@pare/tensor-core";
import { toBlock, toCsr } from "@pare/sparse-kernels";
import { describe, expect, it } from "vitest";
import { logitsOf, toyContext, toyModel } from "@pare/training/testing";
import { quantize, roundToNearest, type RoundToNearestOptions } from "./round-to-nearest.ts";

const WEIGHT = "layers.0.query";

async function rounded(options: RoundToNearestOptions, model: Checkpoint = toyModel()): Promise<Checkpoint> {
  return (await roundToNearest(options).run({ model }, await toyContext())).model;
}

/** The toy's model with one weight replaced, its values given by index. */
async function withValues(value: (index: number) => number): Promise<{ model: Checkpoint; data: Float32Array }> {
  const model = toyModel();
  const { shape } = model.weights.get(WEIGHT)!;
  const data = Float32Array.from({ length: shape[0] * shape[1] }, (_, index) => value(index));
  return { model: withWeights(model, [[WEIGHT, denseOf(f32(shape, data))]]), data };
}

describe("quantize/round-to-nearest", () => {
  it("rounds linear weights, embeddings only when asked, norms never, and says so", async () => {
    const storages = async (embeddings: boolean) => {
      const { weights } = await rounded({ bits: 4, embeddings });
      return ["embedding", WEIGHT, "norm"].map((name) => weights.get(name)!.storage);
    };
    expect(await storages(false)).toEqual(["dense", "affine", "dense"]);
    expect(await storages(true)).toEqual(["affine", "affine", "dense"]);
    const options = { bits: 4, symmetric: true, granularity: "channel", groupSize: 32, embeddings: false };
    expect((await rounded({ bits: 4 })).provenance.deeds).toEqual([{ use: "quantize/round-to-nearest", version: 2, options, seed: 5 }]);
  });

  it("runs from its codes, close to the original for 8 bits and less so for fewer", async () => {
    const tokens = [1, 5, 9, 20, 7];
    const original = await logitsOf(toyModel(), tokens);
    const errors: number[] = [];
    for (const bits of [8, 6, 5, 4, 3]) {
      const found = await logitsOf(await rounded({ bits, granularity: "group", groupSize: 5, embeddings: true }), tokens);
      errors.push(Math.sqrt(found.reduce((sum, value, i) => sum + (value - original[i]) ** 2, 0) / found.length));
    }
    expect(errors[0]).toBeLessThan(0.05);
    expect([...errors].sort((a, b) => a - b)).toEqual(errors);
  });

  it("takes as many bytes as bits and scales say", async () => {
    const { weights } = await rounded({ bits: 3, granularity: "group", groupSize: 6, symmetric: false });
    expect(weights.get(WEIGHT)!.bytes).toBe(16 * 6 + 16 * 3 * 5);
  });

  it("keeps the zeros of a pruned weight exactly, dense beside its mask or sparse", async () => {
    const { model, data } = await withValues((index) => (index % 2 === 0 ? 0 : Math.sin(index)));
    const sparse = withWeights(model, [[WEIGHT, toCsr(f32([16, 16], data))]]);
    for (const pruned of [model, sparse]) {
      for (const symmetric of [true, false]) {
        const weight = (await rounded({ bits: 4, symmetric }, pruned)).weights.get(WEIGHT)!;
        expect(weight.storage).toBe("affine");
        ((await weight.dense()).data as Float32Array).forEach((value, index) => index % 2 === 0 && expect(value === 0).toBe(true));
      }
    }
  });

  it.each([
    ["single weights", (dense: HostTensor) => toCsr(dense), 0.2],
    ["blocks of 4×1", (dense: HostTensor) => toBlock(dense, { rows: 4 }), 0.25],
    ["blocks of 4×2", (dense: HostTensor) => toBlock(dense, { rows: 4, columns: 2 }), 0.25],
  ] as const)("keeps %s sparse as codes where that is smallest, the numbers those of the affine weight", async (_name, store, share) => {
    const kept = uniform(1, 0, 32).map((value) => Number(value < share));
    const { model, data } = await withValues((index) =>
      kept[Math.floor(index / 64) * 8 + Math.floor((index % 16) / 2)] ? Math.sin(index) : 0,
    );
    const sparse = withWeights(model, [[WEIGHT, store(f32([16, 16], data))]]);
    const weight = (await rounded({ bits: 8 }, sparse)).weights.get(WEIGHT)!;
    expect(weight.storage).toBe("sparse/affine");
    const affine = await quantize(WEIGHT, denseOf(f32([16, 16], data)), {
      bits: 8,
      symmetric: true,
      granularity: "channel",
      groupSize: 16,
    });
    expect((await weight.dense()).data).toEqual((await affine.dense()).data);
    expect(weight.bytes).toBeLessThan(affine.bytes);
  });

  it("leaves a weight sparse that codes would make larger, and says so", async () => {
    const { model, data } = await withValues((index) => (index === 9 ? 1 : 0));
    const context = await toyContext();
    const sparse = withWeights(model, [[WEIGHT, toCsr(f32([16, 16], data))]]);
    const { model: found } = await roundToNearest({ bits: 8 }).run({ model: sparse }, context);
    expect(found.weights.get(WEIGHT)!.storage).toBe("sparse/csr");
    expect(context.events).toContainEqual(expect.objectContaining({ type: "choice", what: `storage of ${WEIGHT}`, chosen: "sparse/csr" }));
  });

  it("refuses what is quantized already, and values that are not finite", async () => {
    await expect(rounded({ bits: 8 }, await rounded({ bits: 8 }))).rejects.toMatchObject({ code: "quantize/already-quantized" });
    const { model } = await withValues((index) => (index === 17 ? NaN : 1));
    await expect(rounded({ bits: 8 }, model)).rejects.toThrow(/layers\.0\.query[\s\S]*NaN at element 17/);
  });

  it("checks options at once", () => {
    expect(() => roundToNearest({ bits: 9 })).toThrow(/core\/options-invalid/);
    expect(() => roundToNearest({ bits: 8, granularity: "row" as never })).toThrow(/granularity/);
  });
});
