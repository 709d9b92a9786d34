import { affineSamples, dequantizeRow, expectAffine, type AffineTensors } from "./support/affine.ts";
import { sampler } from "./support/cases.ts";
import { inferLinear, referenceLinear, withEpilogue } from "./support/epilogue.ts";
import { dataOf, make, type OwnTensor } from "./support/host.ts";
import type { Activation } from "./support/math.ts";
import type { LinearAffineAttrs } from "./linear-affine.ts";
import { apply, type Value } from "../graph.ts";
import type { HostTensor } from "../host.ts";
import { defineOp, type Op } from "../op.ts";

/**
 * y = activation(round(x)·Wᵀ + bias) + residual over a weight that stays quantized, each row of x rounded to 255 levels between
 * ± its largest magnitude: products are sums of small integers within each group. Without a gradient: rounding has none.
 *
 * Scales of x are found at run time (dynamic quantization per token; Yao et al., "ZeroQuant", 2022, section 4.1).
 */
export const linearAffineInt8Op: Op<
  "linear-affine-int8",
  "x" | "codes" | "scales",
  "zeroPoints" | "bias" | "residual",
  "y",
  LinearAffineAttrs
> = defineOp({
  name: "linear-affine-int8",
  inputs: ["x", "codes", "scales"],
  optional: ["zeroPoints", "bias", "residual"],
  outputs: ["y"],
  epilogue: true,
  infer: (inputs, attrs: LinearAffineAttrs) => {
    const out = expectAffine("linear-affine-int8", inputs, attrs);
    return { y: inferLinear("linear-affine-int8", inputs, out, attrs.features) };
  },
  reference: (inputs, attrs) => {
    const weightRow = (row: number): Float64Array => dequantizeRow(inputs, attrs, row);
    return { y: referenceLinear(inputs, inputs.codes.shape[0]!, attrs.activation, weightRow, roundRows(inputs.x, attrs.features)) };
  },
  cases: function* () {
    const why = "x is rounded alike; sums over groups of up to 1024 products in f32, in any order";
    for (const { name, tensors, attrs, rows } of affineSamples()) {
      for (const tokens of [1, 2, 3, 9]) {
        const label = `${tokens} tokens, ${name}`;
        const draw = sampler(label);
        const x = draw.f32([tokens, attrs.features]);
        // A row of zeros has no scale.
        if (tokens === 3) dataOf(x).fill(0, 0, attrs.features);
        const tolerance = attrs.features > 70 ? 1e-4 : 1e-5;
        const inputs = { ...tensors, x };
        const plain = { name: label, inputs, attrs: { ...attrs, activation: "none" as Activation }, tolerance, why, checkGradient: [] };
        yield plain;
        if (tokens === 9) yield withEpilogue(plain, draw, [tokens, rows], 2 * tolerance);
      }
    }
  },
});

/** x `[…, features]` with each row rounded as this op rounds it, f64: by the arithmetic of f32, so that every device rounds alike; ties go to even. */
export function roundRows(x: HostTensor, features: number): HostTensor & OwnTensor {
  const source = dataOf(x);
  const y = make("f64", x.shape);
  for (let row = 0; row < source.length; row += features) {
    let largest = 0;
    for (let i = row; i < row + features; i++) largest = Math.max(largest, Math.abs(source[i]!));
    if (largest === 0) continue;
    const [scale, inverse] = [Math.fround(largest / 127), Math.fround(127 / largest)];
    for (let i = row; i < row + features; i++) y.data[i] = scale * evenly(Math.fround(source[i]! * inverse));
  }
  return y;
}

function evenly(value: number): number {
  const nearest = Math.round(value);
  return nearest - value === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}

/** activation(round(x)·Wᵀ + bias) with W `[out, features]` kept as codes: x `[…, features]` → `[…, out]`. */
export function linearAffineInt8(
  inputs: AffineTensors<Value> & { readonly x: Value; readonly bias?: Value | undefined },
  attrs: LinearAffineAttrs,
): Value {
  return apply(linearAffineInt8Op, inputs, attrs).y;
}
