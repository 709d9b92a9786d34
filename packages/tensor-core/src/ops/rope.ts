import { expectDType, expectRank, expectShape, expectThat, floatType } from "./support/check.ts";
import { sampler } from "./support/cases.ts";
import { dataOf, make } from "./support/host.ts";
import { alignedAxes } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { shapeMismatch } from "../errors.ts";
import { i32 } from "../host.ts";
import { defineOp, type Op, type OpCase } from "../op.ts";

/** Which elements turn together: (2i, 2i + 1), or (i, i + d/2). */
export type RopePairing = "adjacent" | "half";

export interface RopeAttrs {
  readonly base: number;
  readonly pairing: RopePairing;
  /** Turns back. */
  readonly inverse: boolean;
  /** Radians per position of each of the d/2 pairs, instead of base^(−2i/d): scaled positions. */
  readonly frequencies?: readonly number[] | undefined;
}

/**
 * Rotary positions (Su et al., "RoFormer", 2021, equation 34): x `[b, t, h, d]`, d even, positions i32 `[b, t]`; pair i of d/2 is turned by
 * position·base^(−2i/d), or by position·frequencies[i].
 */
export const ropeOp: Op<"rope", "x" | "positions", never, "y", RopeAttrs> = defineOp({
  name: "rope",
  inputs: ["x", "positions"],
  outputs: ["y"],
  infer: ({ x, positions }, { base, pairing, frequencies }: RopeAttrs) => {
    const dtype = floatType("rope", { x });
    expectRank("rope", "x", x, 4);
    const width = x.shape[3]!;
    if (typeof width !== "number" || width % 2 !== 0) {
      throw shapeMismatch({ op: "rope", field: "x, last dimension", expected: "an even number", found: String(width) });
    }
    expectDType("rope", "positions", positions, "i32");
    expectShape("rope", "positions", positions, x.shape.slice(0, 2));
    const count = frequencies?.length ?? width / 2;
    expectThat(count === width / 2, "rope", "frequencies", `${width / 2} numbers, one per pair`, String(count));
    expectThat(base > 0, "rope", "base", "a positive number", String(base));
    expectThat(pairing === "adjacent" || pairing === "half", "rope", "pairing", "adjacent or half", pairing);
    return { y: { dtype, shape: x.shape } };
  },
  axes: ({ x }, { y }) => [...alignedAxes({ x }, y), { kind: "fixed", axis: ["x", 3], why: "elements of a head turn in pairs" }],
  reference: ({ x, positions }, attrs) => {
    const { pairing, inverse } = attrs;
    const [, , heads, width] = x.shape as [number, number, number, number];
    const [data, places] = [dataOf(x), dataOf(positions)];
    const y = make(x.dtype, x.shape);
    const frequencies = ropeFrequencies(width, attrs);
    const [step, apart] = pairing === "adjacent" ? [2, 1] : [1, width / 2];
    for (let token = 0; token < places.length; token++) {
      for (let pair = 0; pair < width / 2; pair++) {
        const angle = (inverse ? -1 : 1) * places[token]! * frequencies[pair]!;
        const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
        for (let head = 0; head < heads; head++) {
          const first = (token * heads + head) * width + pair * step;
          const [a, b] = [data[first]!, data[first + apart]!];
          y.data[first] = a * cosine - b * sine;
          y.data[first + apart] = a * sine + b * cosine;
        }
      }
    }
    return { y };
  },
  gradient: ({ y }, { positions }, _outputs, attrs) =>
    y === undefined ? {} : { x: rope(y, positions, { ...attrs, inverse: !attrs.inverse }) },
  cases: function* (): Generator<OpCase<"x" | "positions", never, RopeAttrs>> {
    for (const pairing of ["adjacent", "half"] as const) {
      for (const [tokens, heads, width] of [
        [1, 1, 2],
        [3, 2, 4],
        [5, 3, 6],
        [2, 1, 8],
        [3, 3, 10],
        [2, 2, 16],
        [2, 1, 34],
        [5, 2, 128],
      ] as const) {
        for (const inverse of [false, true]) {
          const name = `${pairing}, [2, ${tokens}, ${heads}, ${width}]${inverse ? ", inverse" : ""}`;
          const sample = sampler(name);
          const inputs = { x: sample.f32([2, tokens, heads, width]), positions: sample.i32([2, tokens], 0, 40) };
          yield {
            name,
            inputs,
            attrs: { base: 10000, pairing, inverse },
            tolerance: 2e-5,
            why: "angles up to 40 in f32",
            checkGradient: width > 100 ? [] : ["x"],
          };
        }
      }
      const inputs = { x: sampler(pairing).f32([1, 3, 2, 8]), positions: i32([1, 3], [0, 511, 2047]) };
      const scaled = {
        x: sampler(`${pairing} scaled`).f32([2, 3, 2, 6]),
        positions: sampler(`${pairing} scaled`).i32([2, 3], 0, 40),
      };
      for (const inverse of [false, true]) {
        const attrs = { base: 10000, pairing, inverse, frequencies: [0.5, 0.03125, 0.0078125] };
        yield {
          name: `${pairing}, own frequencies${inverse ? ", inverse" : ""}`,
          inputs: scaled,
          attrs,
          tolerance: 2e-5,
          why: "angles up to 20 in f32",
          checkGradient: ["x"],
        };
      }
      const why = "an f32 angle near 2047 is good to 2⁻¹³, twice that with its frequency rounded";
      yield { name: `${pairing}, far positions`, inputs, attrs: { base: 500000, pairing, inverse: false }, tolerance: 5e-4, why };
    }
  },
});

/** Radians per position of each pair of a head of this width. */
export function ropeFrequencies(width: number, { base, frequencies }: Pick<RopeAttrs, "base" | "frequencies">): readonly number[] {
  return frequencies ?? Array.from({ length: width / 2 }, (_, pair) => base ** ((-2 * pair) / width));
}

/** Rotary positions: x `[b, t, h, d]`, d even, positions i32 `[b, t]`; pair i is turned by position·base^(−2i/d), back with `inverse`. */
export function rope(x: Value, positions: Value, attrs: Omit<RopeAttrs, "inverse"> & Partial<RopeAttrs>): Value {
  return apply(ropeOp, { x, positions }, { ...attrs, inverse: attrs.inverse ?? false }).y;
}
