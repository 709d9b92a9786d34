import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { affineOf, f32, packCodes, packedRowBytes, sourceOf, uniform, type HostTensor, type StoredWeight } from "@pare/tensor-core";
import { sparseAffineBytes, sparseAffineStorage, toSparseAffine, type SparseShape, type SymmetricCodes } from "./affine.ts";
import { BLOCK_SHAPES } from "./block.ts";

const SHAPES: readonly SparseShape[] = [{ rows: 1 }, ...BLOCK_SHAPES];

interface Sample {
  readonly weight: SymmetricCodes;
  readonly mask: HostTensor;
  readonly blocks: number;
}

/** Codes of which pruned ones stand for 0. */
function sample({ rows, columns = 1 }: SparseShape, [out, features]: readonly [number, number], bits: number, groupSize: number): Sample {
  const blockColumns = Math.ceil(features / columns);
  const kept = uniform(1, rows, Math.ceil(out / rows) * blockColumns).map((value) => Number(value < 0.4));
  const mask = Uint8Array.from({ length: out * features }, (_, i) => {
    const [row, column] = [Math.floor(i / features), i % features];
    return kept[Math.floor(row / rows) * blockColumns + Math.floor(column / columns)]!;
  });
  const codes = Uint8Array.from(uniform(2, bits, out * features), (value, i) =>
    mask[i] === 0 ? 2 ** (bits - 1) : Math.floor(value * 2 ** bits),
  );
  const scales = Float32Array.from(uniform(3, 0, out * Math.ceil(features / groupSize)), (value) => 0.01 + value / 50);
  return {
    weight: { shape: [out, features], bits, groupSize, codes, scales },
    mask: { dtype: "u8", shape: [out, features], data: mask },
    blocks: kept.filter((bit) => bit === 1).length,
  };
}

/** The same codes as an affine weight. */
function affine({ shape: [out, features], bits, groupSize, codes, scales }: SymmetricCodes): StoredWeight {
  const data = packCodes(codes, [out, features], bits);
  return affineOf({
    shape: [out, features],
    bits,
    groupSize,
    codes: { dtype: "u8", shape: [out, packedRowBytes(features, bits)], data },
    scales: f32([out, Math.ceil(features / groupSize)], scales),
  });
}

const load = (weight: StoredWeight, parts = weight.parts): StoredWeight => sparseAffineStorage.define.load("w", weight.descriptor, parts);

describe.each(SHAPES)("sparse/affine in blocks of $rows×$columns", (block) => {
  it("stands for what the affine weight stands for, to the last bit, in memory and through its parts", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          out: fc.integer({ min: 1, max: 19 }),
          features: fc.integer({ min: 1, max: 13 }),
          bits: fc.integer({ min: 2, max: 8 }),
        }),
        async ({ out, features, bits }) => {
          for (const groupSize of [features, Math.min(4, features)]) {
            const { weight, mask, blocks } = sample(block, [out, features], bits, groupSize);
            const stored = toSparseAffine(weight, block, mask);
            expect(stored.bytes).toBe(sparseAffineBytes(blocks, weight, block));
            for (const given of [stored, load(stored)]) {
              expect((await given.dense()).data).toEqual((await affine(weight).dense()).data);
              expect((await given.mask!()).data).toEqual(mask.data);
            }
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe("sparse/affine refuses", () => {
  const { weight, mask } = sample({ rows: 4 }, [9, 7], 8, 7);
  const stored = toSparseAffine(weight, { rows: 4 }, mask);
  it.each([
    { rows: 5 },
    { columns: 2, rows: 8 },
    { bits: 9 },
    { bits: 1 },
    { groupSize: 0 },
    { groupSize: 8 },
    { shape: [9, 0] },
    { bits: 4 },
  ])("the descriptor %j", (change) => {
    expect(() => sparseAffineStorage.define.load("w", { ...stored.descriptor, ...change }, stored.parts)).toThrow(
      expect.objectContaining({ code: "tensor-core/storage-invalid" }),
    );
  });
  it("parts that are missing, unknown or not finite", async () => {
    const { codes: _codes, ...rest } = stored.parts;
    expect(() => load(stored, rest)).toThrow(expect.objectContaining({ code: "tensor-core/storage-invalid" }));
    expect(() => load(stored, { ...stored.parts, more: sourceOf(f32([1])) })).toThrow(/more/);
    const scales = sourceOf(f32([9, 1], new Float32Array(9).fill(NaN)));
    await expect(load(stored, { ...stored.parts, scales }).dense()).rejects.toThrow(/finite/);
  });
});
