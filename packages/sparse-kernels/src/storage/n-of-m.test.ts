import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPareError } from "@pare/core";
import { f32, sourceOf, type HostTensor, type StoredWeight } from "@pare/tensor-core";
import { nOfMStorage, toNOfM, type GroupShape } from "./n-of-m.ts";

/** Weights of which exactly N of every M inputs are kept, and their mask. */
const pruned: fc.Arbitrary<{ dense: HostTensor; mask: HostTensor; group: GroupShape }> = fc
  .record({
    out: fc.integer({ min: 1, max: 5 }),
    features: fc.integer({ min: 1, max: 20 }),
    m: fc.integer({ min: 2, max: 9 }),
    seed: fc.nat(),
  })
  .chain(({ out, features, m, seed }) => fc.integer({ min: 1, max: m - 1 }).map((n) => sample(out, features, { n, m }, seed)));

function sample(
  out: number,
  features: number,
  group: GroupShape,
  seed: number,
): { dense: HostTensor; mask: HostTensor; group: GroupShape } {
  const mask = new Uint8Array(out * features);
  let state = seed;
  for (let row = 0; row < out; row++) {
    for (let begin = 0; begin < features; begin += group.m) {
      const places = Array.from({ length: Math.min(group.m, features - begin) }, (_, i) => row * features + begin + i);
      for (let kept = 0; kept < group.n && places.length > 0; kept++) {
        state = (state * 1103515245 + 12345) % 2147483648;
        mask[places.splice(state % places.length, 1)[0]!] = 1;
      }
    }
  }
  return {
    dense: f32(
      [out, features],
      Float32Array.from(mask, (bit, i) => bit * (i + 1)),
    ),
    mask: { dtype: "u8", shape: [out, features], data: mask },
    group,
  };
}

const load = (weight: StoredWeight, parts = weight.parts): StoredWeight => nOfMStorage.define.load("w", weight.descriptor, parts);

describe("sparse/n-of-m", () => {
  it("keeps values and mask, in memory and through its parts", async () => {
    await fc.assert(
      fc.asyncProperty(pruned, async ({ dense, mask, group }) => {
        const weight = toNOfM(dense, group, mask);
        for (const given of [weight, load(weight), load(weight).withValues!(dense)]) {
          expect((await given.dense()).data).toEqual(dense.data);
          expect((await given.mask!()).data).toEqual(mask.data);
        }
      }),
    );
  });

  it("takes 4 bytes and 2 bits for each weight of 2:4", () => {
    const { dense, mask, group } = sample(8, 64, { n: 2, m: 4 }, 1);
    expect(toNOfM(dense, group, mask).bytes).toBe((8 * 64 * (4 + 0.25)) / 2);
  });

  it("refuses a mask that keeps another number", () => {
    const { dense, mask, group } = sample(2, 8, { n: 2, m: 4 }, 1);
    (mask.data as Uint8Array).fill(1, 0, 3);
    expect(() => toNOfM(dense, group, mask)).toThrow(expect.objectContaining({ code: "sparse-kernels/mask-invalid" }));
    expect(() => toNOfM(dense, { n: 1, m: 257 }, mask)).toThrow(expect.objectContaining({ code: "sparse-kernels/mask-invalid" }));
  });

  it.each([{ n: 4 }, { n: 0 }, { m: 1 }, { m: 300 }, { n: 1.5 }, { shape: [2] }, { shape: [2, 9] }])(
    "refuses the descriptor %j",
    (change) => {
      const { dense, mask, group } = sample(2, 8, { n: 2, m: 4 }, 1);
      const weight = toNOfM(dense, group, mask);
      expect(() => nOfMStorage.define.load("w", { ...weight.descriptor, ...change }, weight.parts)).toThrow(
        expect.objectContaining({ code: "tensor-core/storage-invalid" }),
      );
    },
  );

  it("any change of its places is refused or gives as many places", async () => {
    const { dense, mask, group } = sample(3, 11, { n: 2, m: 5 }, 7);
    const weight = toNOfM(dense, group, mask);
    const positions = (await weight.parts["positions"]!.read()).data as Uint8Array;
    await fc.assert(
      fc.asyncProperty(fc.nat(positions.length - 1), fc.nat(255), async (at, byte) => {
        const changed = positions.slice();
        changed[at] = byte;
        const given = load(weight, { ...weight.parts, positions: sourceOf({ dtype: "u8", shape: [changed.length], data: changed }) });
        try {
          expect(((await given.mask!()).data as Uint8Array).reduce((sum, bit) => sum + bit, 0)).toBe(weight.parts["values"]!.shape[0]);
        } catch (error) {
          expect(isPareError(error) && error.code).toBe("tensor-core/storage-invalid");
        }
      }),
    );
  });
});
