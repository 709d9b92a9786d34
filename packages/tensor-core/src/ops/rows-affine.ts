import { affineSamples, dequantizeRow, expectAffine, type AffineAttrs, type AffineTensors } from "./support/affine.ts";
import { expectDType, expectIds } from "./support/check.ts";
import { sampler } from "./support/cases.ts";
import { make } from "./support/host.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

/** Rows of an affine weight by id: ids i32 `[…]` → f32 `[…, features]`. */
export const rowsAffineOp: Op<"rows-affine", "codes" | "scales" | "ids", "zeroPoints", "y", AffineAttrs> = defineOp({
  name: "rows-affine",
  inputs: ["codes", "scales", "ids"],
  optional: ["zeroPoints"],
  outputs: ["y"],
  infer: (inputs, attrs: AffineAttrs) => {
    expectAffine("rows-affine", inputs, attrs);
    expectDType("rows-affine", "ids", inputs.ids, "i32");
    return { y: { dtype: inputs.scales.dtype, shape: [...inputs.ids.shape, attrs.features] } };
  },
  reference: (inputs, attrs) => {
    const y = make(inputs.scales.dtype, [...inputs.ids.shape, attrs.features]);
    const ids = expectIds("rows-affine", inputs.ids, inputs.codes.shape[0]!);
    ids.forEach((id, i) => y.data.set(dequantizeRow(inputs, attrs, id), i * attrs.features));
    return { y };
  },
  cases: function* () {
    for (const { name, tensors, attrs, rows } of affineSamples()) {
      yield {
        name,
        inputs: { ...tensors, ids: sampler(`ids ${name}`).i32([2, 3], 0, rows) },
        attrs,
        tolerance: 1e-6,
        why: "one f32 product",
      };
    }
  },
});

/** Rows of an affine weight by id: ids i32 `[…]` → f32 `[…, features]`. */
export function rowsAffine(inputs: AffineTensors<Value> & { readonly ids: Value }, attrs: AffineAttrs): Value {
  return apply(rowsAffineOp, inputs, attrs).y;
}
