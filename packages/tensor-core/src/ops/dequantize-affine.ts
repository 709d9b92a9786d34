import { affineSamples, dequantize, expectAffine, type AffineAttrs, type AffineTensors } from "./support/affine.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

/** Affine codes → the weight they stand for, f32 `[out, features]`. */
export const dequantizeAffineOp: Op<"dequantize-affine", "codes" | "scales", "zeroPoints", "y", AffineAttrs> = defineOp({
  name: "dequantize-affine",
  inputs: ["codes", "scales"],
  optional: ["zeroPoints"],
  outputs: ["y"],
  infer: (inputs, attrs: AffineAttrs) => ({
    y: { dtype: inputs.scales.dtype, shape: [expectAffine("dequantize-affine", inputs, attrs), attrs.features] },
  }),
  reference: (inputs, attrs) => ({ y: dequantize(inputs, attrs) }),
  cases: function* () {
    for (const { name, tensors, attrs } of affineSamples()) yield { name, inputs: tensors, attrs, tolerance: 1e-6, why: "one f32 product" };
  },
});

/** The weight f32 `[out, features]` that codes, scales and zero points stand for: scale·(code − zeroPoint). */
export function dequantizeAffine(inputs: AffineTensors<Value>, attrs: AffineAttrs): Value {
  return apply(dequantizeAffineOp, inputs, attrs).y;
}
