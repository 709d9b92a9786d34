import { expectDType, expectShape } from "./support/check.ts";
import { ODD_SIZES } from "./support/cases.ts";
import { make, numbersOf } from "./support/host.ts";
import type { Dim } from "../dim.ts";
import { apply, type Value } from "../graph.ts";
import { i32 } from "../host.ts";
import { defineOp, type Op } from "../op.ts";
import { uniform } from "../rng.ts";

export interface RandomUniformAttrs {
  readonly shape: readonly Dim[];
  /** Tells draws of one seed apart. */
  readonly stream: number;
}

/**
 * Numbers in [0, 1), the same as the host's `uniform(seed, stream, count)`: Philox4x32-10 with key = seed i32 `[2]` and counter
 * (⌊i/4⌋, 0, stream, 0); element i is lane i mod 4, its upper 24 bits times 2⁻²⁴.
 */
export const randomUniformOp: Op<"random-uniform", "seed", never, "y", RandomUniformAttrs> = defineOp({
  name: "random-uniform",
  inputs: ["seed"],
  outputs: ["y"],
  infer: ({ seed }, { shape }: RandomUniformAttrs) => {
    expectDType("random-uniform", "seed", seed, "i32");
    expectShape("random-uniform", "seed", seed, [2]);
    return { y: { dtype: "f32", shape } };
  },
  reference: ({ seed }, { shape, stream }) => {
    const y = make("f32", numbersOf(shape));
    const [low, high] = seed.data as Int32Array;
    y.data.set(uniform([low!, high!], stream, y.data.length));
    return { y };
  },
  cases: function* () {
    const rest = { tolerance: 0, why: "integer arithmetic, and one exact product" };
    for (const size of ODD_SIZES) {
      yield { name: `[${size}]`, inputs: { seed: i32([2], [size, -size]) }, attrs: { shape: [size], stream: size }, ...rest };
    }
    yield { name: "[2, 3, 5], first seed and stream", inputs: { seed: i32([2], [0, 0]) }, attrs: { shape: [2, 3, 5], stream: 0 }, ...rest };
    yield { name: "large words", inputs: { seed: i32([2], [-1, -2147483648]) }, attrs: { shape: [67], stream: 4294967295 }, ...rest };
  },
});

/** Numbers in [0, 1) of this shape, f32: those that the host's `uniform(seed, stream, count)` gives. seed i32 `[2]`. */
export function randomUniform(seed: Value, shape: readonly Dim[], stream: number): Value {
  return apply(randomUniformOp, { seed }, { shape, stream }).y;
}
