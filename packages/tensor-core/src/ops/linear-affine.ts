import { affineSamples, dequantizeRow, expectAffine, type AffineAttrs, type AffineTensors } from "./support/affine.ts";
import { sampler } from "./support/cases.ts";
import { inferLinear, referenceLinear, withEpilogue } from "./support/epilogue.ts";
import type { Activation } from "./support/math.ts";
import { sum } from "./broadcast.ts";
import { dequantizeAffine } from "./dequantize-affine.ts";
import { matmul } from "./matmul.ts";
import { reshape } from "./reshape.ts";
import { symbolicSize } from "../dim.ts";
import { gradientMissing } from "../errors.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

export interface LinearAffineAttrs extends AffineAttrs {
  readonly activation: Activation;
}

/** y = activation(x·Wᵀ + bias) + residual over a weight that stays quantized; x is f32 and is not rounded. */
export const linearAffineOp: Op<"linear-affine", "x" | "codes" | "scales", "zeroPoints" | "bias" | "residual", "y", LinearAffineAttrs> =
  defineOp({
    name: "linear-affine",
    inputs: ["x", "codes", "scales"],
    optional: ["zeroPoints", "bias", "residual"],
    outputs: ["y"],
    epilogue: true,
    infer: (inputs, attrs: LinearAffineAttrs) => {
      const out = expectAffine("linear-affine", inputs, attrs);
      return { y: inferLinear("linear-affine", inputs, out, attrs.features) };
    },
    reference: (inputs, attrs) => ({
      y: referenceLinear(inputs, inputs.codes.shape[0]!, attrs.activation, (row) => dequantizeRow(inputs, attrs, row)),
    }),
    gradient: ({ y: g }, { x, codes, scales, zeroPoints, bias, residual }, _outputs, { activation, ...attrs }) => {
      if (g === undefined) return {};
      if (activation !== "none" || residual !== undefined)
        throw gradientMissing({ op: "linear-affine", why: "it is fused; differentiate before fusing" });
      const flat = reshape(g, [symbolicSize(x.shape.slice(0, -1)), codes.shape[0]!]);
      const weight = dequantizeAffine({ codes, scales, zeroPoints }, attrs);
      return { x: reshape(matmul(flat, weight), x.shape), ...(bias && { bias: sum(flat, [0]) }) };
    },
    cases: function* () {
      const why = "sums of up to 1024 products in f32, in any order";
      for (const { name, tensors, attrs, rows } of affineSamples()) {
        for (const tokens of [1, 3, 9]) {
          const label = `${tokens} tokens, ${name}`;
          const draw = sampler(label);
          const inputs = { ...tensors, x: draw.f32([tokens, attrs.features]) };
          const tolerance = attrs.features > 70 ? 1e-4 : 1e-5;
          const plain = { name: label, inputs, attrs: { ...attrs, activation: "none" as Activation }, tolerance, why };
          yield { ...plain, checkGradient: tokens === 3 && rows < 10 ? ["x"] : [] };
          if (tokens === 1) continue;
          const biased = { ...inputs, bias: draw.f32([rows]) };
          yield { ...plain, name: `bias, ${label}`, inputs: biased, checkGradient: rows < 6 ? ["x", "bias"] : [] };
          yield withEpilogue({ ...plain, checkGradient: [] }, draw, [tokens, rows], attrs.features > 70 ? 1e-4 : 2e-5);
        }
      }
    },
  });

/** activation(x·Wᵀ + bias) with W `[out, features]` kept as codes: x `[…, features]` → `[…, out]`. */
export function linearAffine(
  inputs: AffineTensors<Value> & { readonly x: Value; readonly bias?: Value | undefined },
  attrs: LinearAffineAttrs,
): Value {
  return apply(linearAffineOp, inputs, attrs).y;
}
