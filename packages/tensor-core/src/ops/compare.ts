/** Comparisons give 1 where they hold and 0 elsewhere, in the operands' floating dtype (f32 of i32). Their gradient is zero. */
import { inferPair, mapBroadcast, PAIRS } from "./support/elementwise.ts";
import type { NoAttrs } from "./support/check.ts";
import { sampler } from "./support/cases.ts";
import { liftLike } from "./support/lift.ts";
import type { DType } from "../dtype.ts";
import { alignedAxes } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

export type CompareOp<Name extends string> = Op<Name, "a" | "b", never, "y", NoAttrs>;

function compareOp<const Name extends string>(name: Name, holds: (a: number, b: number) => boolean): CompareOp<Name> {
  const flag = (dtype: DType): DType => (dtype === "f64" ? "f64" : "f32");
  return defineOp({
    name,
    inputs: ["a", "b"],
    outputs: ["y"],
    infer: ({ a, b }) => {
      const { dtype, shape } = inferPair(name, a, b, ["f32", "f64", "i32"]);
      return { y: { dtype: flag(dtype), shape } };
    },
    axes: (inputs, { y }) => alignedAxes(inputs, y),
    reference: ({ a, b }) => ({ y: mapBroadcast(name, flag(a.dtype), [a, b], (x, y) => (holds(x, y) ? 1 : 0)) }),
    gradient: () => ({}),
    cases: function* () {
      for (const [left, right] of PAIRS) {
        const label = `[${left.join()}] with [${right.join()}]`;
        const { i32 } = sampler(`${name} ${label}`);
        const inputs = { a: i32(left, -2, 3), b: i32(right, -2, 3) };
        const floats = {
          a: { ...inputs.a, dtype: "f32", data: Float32Array.from(inputs.a.data as Int32Array) },
          b: { ...inputs.b, dtype: "f32", data: Float32Array.from(inputs.b.data as Int32Array) },
        } as const;
        yield { name: label, inputs: floats, attrs: {}, tolerance: 0, why: "exactly 0 or 1", checkGradient: [] };
        if (left.length === 2)
          yield { name: `${label}, integers`, inputs, attrs: {}, tolerance: 0, why: "exactly 0 or 1", checkGradient: [] };
      }
    },
  });
}

export const greaterOp: CompareOp<"greater"> = compareOp("greater", (a, b) => a > b);
export const equalOp: CompareOp<"equal"> = compareOp("equal", (a, b) => a === b);

/** 1 where a > b. */
export function greater(a: Value, b: Value | number): Value {
  return apply(greaterOp, { a, b: liftLike(b, a) }, {}).y;
}

/** 1 where a = b. */
export function equal(a: Value, b: Value | number): Value {
  return apply(equalOp, { a, b: liftLike(b, a) }, {}).y;
}
