import { expectDType, expectIds } from "./support/check.ts";
import { sampler } from "./support/cases.ts";
import { expectHalves, halfRow, halfSamples, type HalfAttrs } from "./support/half.ts";
import { make } from "./support/host.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

/** Rows of a weight of 16-bit floats by id: ids i32 `[…]` → f32 `[…, features]`. */
export const rowsHalfOp: Op<"rows-half", "halves" | "ids", never, "y", HalfAttrs> = defineOp({
  name: "rows-half",
  inputs: ["halves", "ids"],
  outputs: ["y"],
  infer: ({ halves, ids }, attrs: HalfAttrs) => {
    expectHalves("rows-half", halves, attrs);
    expectDType("rows-half", "ids", ids, "i32");
    return { y: { dtype: "f32", shape: [...ids.shape, attrs.features] } };
  },
  reference: ({ halves, ids }, attrs) => {
    const y = make("f32", [...ids.shape, attrs.features]);
    expectIds("rows-half", ids, halves.shape[0]!).forEach((id, i) => y.data.set(halfRow(halves, attrs, id), i * attrs.features));
    return { y };
  },
  cases: function* () {
    for (const { name, halves, attrs, rows } of halfSamples()) {
      const ids = sampler(`ids ${name}`).i32([2, 3], 0, rows);
      yield { name, inputs: { halves, ids }, attrs, tolerance: 0, why: "every 16-bit float is an f32" };
    }
  },
});

/** Rows of a weight of 16-bit floats by id: ids i32 `[…]` → f32 `[…, features]`. */
export function rowsHalf(inputs: { readonly halves: Value; readonly ids: Value }, attrs: HalfAttrs): Value {
  return apply(rowsHalfOp, inputs, attrs).y;
}
