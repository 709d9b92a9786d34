import { scatterRows } from "./scatter-rows.ts";
import { expectDType, expectIds, expectRank, floatType, type NoAttrs } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make, type NumberArray } from "./support/host.ts";
import { leadingAxes, sameAxis } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { i32 } from "../host.ts";
import { defineOp, type Op } from "../op.ts";

/** Looks rows up: weight `[count, dim]`, ids i32 `[…]` in [0, count) → `[…, dim]`. */
export const rowsOp: Op<"rows", "weight" | "ids", never, "y", NoAttrs> = defineOp({
  name: "rows",
  inputs: ["weight", "ids"],
  outputs: ["y"],
  infer: ({ weight, ids }) => {
    const dtype = floatType("rows", { weight });
    expectRank("rows", "weight", weight, 2);
    expectDType("rows", "ids", ids, "i32");
    return { y: { dtype, shape: [...ids.shape, weight.shape[1]!] } };
  },
  axes: ({ ids }) => [...leadingAxes("ids", "y", ids.shape.length), sameAxis("weight", 1, "y", ids.shape.length)],
  reference: ({ weight, ids }) => {
    const [count, width] = weight.shape as [number, number];
    const y = make(weight.dtype, [...ids.shape, width]);
    const row = (id: number): NumberArray => dataOf(weight).subarray(id * width, (id + 1) * width);
    expectIds("rows", ids, count).forEach((id, i) => y.data.set(row(id), i * width));
    return { y };
  },
  gradient: ({ y }, { weight, ids }) => (y === undefined ? {} : { weight: scatterRows(y, ids, weight.shape[0]!) }),
  cases: function* () {
    const exact = { attrs: {}, tolerance: 0, why: "rows are copied" };
    for (const size of ODD_SIZES) {
      const { f32, i32: ids } = sampler(`${size}`);
      yield { name: `rows of ${size}`, inputs: { weight: f32([7, size]), ids: ids([2, 3], 0, 7) }, ...exact };
      yield { name: `${size} ids`, inputs: { weight: f32([size, 4]), ids: ids([size], 0, size) }, ...exact };
    }
    yield { name: "one id", inputs: { weight: sampler("one id").f32([5, 3]), ids: i32([], [4]) }, ...exact };
  },
});

/** Rows by id: weight `[count, dim]`, ids i32 `[…]` → `[…, dim]`. The weight may be a named leaf whose storage decides how this runs. */
export function rows(weight: Value, ids: Value): Value {
  return apply(rowsOp, { weight, ids }, {}).y;
}
