import { expectThat, floatType, type NoAttrs } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make, rowsOf } from "./support/host.ts";
import { showShape } from "../dim.ts";
import { apply, type Value } from "../graph.ts";
import { f32 } from "../host.ts";
import { defineOp, type Op } from "../op.ts";

/** Index of the largest element along the last axis, i32; the first of equals. */
export const argmaxOp: Op<"argmax", "x", never, "y", NoAttrs> = defineOp({
  name: "argmax",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }) => {
    floatType("argmax", { x });
    expectThat(x.shape.length > 0, "argmax", "x", "at least one axis", showShape(x.shape));
    return { y: { dtype: "i32", shape: x.shape.slice(0, -1) } };
  },
  reference: ({ x }) => {
    const { count, length } = rowsOf(x.shape);
    const y = make("i32", x.shape.slice(0, -1));
    const data = dataOf(x);
    for (let row = 0; row < count; row++) {
      let best = 0;
      for (let i = 1; i < length; i++) if (data[row * length + i]! > data[row * length + best]!) best = i;
      y.data[row] = best;
    }
    return { y };
  },
  cases: function* () {
    const exact = { attrs: {}, tolerance: 0, why: "whole numbers" };
    for (const size of ODD_SIZES) yield { name: `[2, 3, ${size}]`, inputs: { x: sampler(`${size}`).f32([2, 3, size]) }, ...exact };
    yield { name: "long rows", inputs: { x: sampler("long rows").f32([2, 1030]) }, ...exact };
    yield { name: "one axis", inputs: { x: sampler("one axis").f32([65]) }, ...exact };
    yield {
      name: "equals",
      inputs: { x: f32([3, 9], [...Array(9).fill(1), 0, 2, 2, 0, 2, 0, 0, 0, 2, -3, -3, -3, -3, -2, -3, -3, -2, -2]) },
      ...exact,
    };
  },
});

/** Index of the largest along the last axis, the first of equals: x `[…, n]` → i32 `[…]`. No gradient. */
export function argmax(x: Value): Value {
  return apply(argmaxOp, { x }, {}).y;
}
