import { sumTo } from "./broadcast.ts";
import { broadcastShapes, floatType, type NoAttrs } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { mapBroadcast } from "./support/elementwise.ts";
import { liftLike } from "./support/lift.ts";
import { alignedAxes } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

/** a where condition ≠ 0, b elsewhere; all three broadcast. */
export const selectOp: Op<"select", "condition" | "a" | "b", never, "y", NoAttrs> = defineOp({
  name: "select",
  inputs: ["condition", "a", "b"],
  outputs: ["y"],
  infer: (inputs) => {
    const { condition, a, b } = inputs;
    const shape = broadcastShapes("select", broadcastShapes("select", condition.shape, a.shape), b.shape);
    return { y: { dtype: floatType("select", inputs), shape } };
  },
  axes: (inputs, { y }) => alignedAxes(inputs, y),
  reference: ({ condition, a, b }) => ({ y: mapBroadcast("select", a.dtype, [condition, a, b], (c, x, y) => (c === 0 ? y : x)) }),
  gradient: ({ y }, { condition, a, b }) =>
    y === undefined ? {} : { a: sumTo(select(condition, y, 0), a.shape), b: sumTo(select(condition, 0, y), b.shape) },
  cases: function* () {
    const shapes: number[][][] = [
      ...ODD_SIZES.map((size) => [[size], [size], [size]]),
      [[3, 1], [5], []],
      [
        [1, 4],
        [2, 3, 4],
        [3, 1],
      ],
      [[], [6], [6]],
    ];
    for (const [condition, a, b] of shapes) {
      const name = `[${condition!.join()}], [${a!.join()}], [${b!.join()}]`;
      const sample = sampler(name);
      const flags = { dtype: "f32", shape: condition!, data: Float32Array.from(sample.i32(condition!, -1, 2).data as Int32Array) } as const;
      const inputs = { condition: flags, a: sample.f32(a!), b: sample.f32(b!) };
      yield { name, inputs, attrs: {}, tolerance: 0, why: "elements are copied", checkGradient: ["a", "b"] };
    }
  },
});

/** a where condition ≠ 0, b elsewhere; all three broadcast. */
export function select(condition: Value, a: Value | number, b: Value | number): Value {
  return apply(selectOp, { condition, a: liftLike(a, condition), b: liftLike(b, condition) }, {}).y;
}
