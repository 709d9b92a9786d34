/** The one table of lowerings: op → ONNX nodes. `linear` and `rows` over a weight belong to the flavour (`../flavours`). */
import { linearOp, rowsOp } from "@pare/tensor-core";
import type { OnnxValue } from "../builder.ts";
import { onnxLowering, type OnnxLowering } from "../lowering.ts";
import { attention } from "./attention.ts";
import { activated, elementwise } from "./elementwise.ts";
import { norms } from "./norms.ts";
import { shapes, turned } from "./shapes.ts";

/** Products with, and look-ups in, values that are computed. Of products with a weight, the flavour gives `product`. */
const computed: readonly OnnxLowering[] = [
  onnxLowering(linearOp, (builder, inputs, { attrs }) => {
    const { x, weight, bias, residual, product: given } = inputs as typeof inputs & { readonly product?: OnnxValue };
    const product = given ?? builder.node("MatMul", [x, turned(builder, weight, 2)]);
    const sum = bias === undefined ? product : builder.node("Add", [product, bias]);
    const y = activated(builder, sum, attrs.activation);
    return { y: residual === undefined ? y : builder.node("Add", [y, residual]) };
  }),
  onnxLowering(rowsOp, (builder, { weight, ids }) => ({ y: builder.node("Gather", [weight, ids], { axis: 0 }) })),
];

export const LOWERINGS: readonly OnnxLowering[] = [...elementwise, ...shapes, ...norms, ...attention, ...computed];
