import { floatType } from "./support/check.ts";
import { sampler } from "./support/cases.ts";
import { expectLinear, fillLinear } from "./support/epilogue.ts";
import { expectHalves, halfRow, halfSamples, type HalfAttrs } from "./support/half.ts";
import { make, numbersOf } from "./support/host.ts";
import type { Activation } from "./support/math.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

export interface LinearHalfAttrs extends HalfAttrs {
  readonly activation: Activation;
}

/**
 * y = activation(x·Wᵀ + bias) + residual over a weight that stays in 16-bit floats and is widened where it is read; x and all sums are f32.
 * Without a gradient: weights become these after differentiation.
 */
export const linearHalfOp: Op<"linear-half", "x" | "halves", "bias" | "residual", "y", LinearHalfAttrs> = defineOp({
  name: "linear-half",
  inputs: ["x", "halves"],
  optional: ["bias", "residual"],
  outputs: ["y"],
  epilogue: true,
  infer: (inputs, attrs: LinearHalfAttrs) => {
    const out = expectHalves("linear-half", inputs.halves, attrs);
    const { x, bias, residual } = inputs;
    return {
      y: { dtype: floatType("linear-half", { x, bias, residual }), shape: expectLinear("linear-half", inputs, out, attrs.features) },
    };
  },
  reference: (inputs, attrs) => {
    const y = make(inputs.x.dtype, numbersOf([...inputs.x.shape.slice(0, -1), inputs.halves.shape[0]!]));
    return { y: fillLinear(y, inputs, attrs.activation, (row) => halfRow(inputs.halves, attrs, row)) };
  },
  cases: function* () {
    const why = "sums of up to 1024 products in f32, in any order";
    for (const { name, halves, attrs, rows } of halfSamples()) {
      const tolerance = attrs.features > 70 ? 1e-4 : 1e-5;
      for (const tokens of [1, 3, 9]) {
        const label = `${tokens} tokens, ${name}`;
        const { f32 } = sampler(label);
        const inputs = { halves, x: f32([tokens, attrs.features]) };
        yield { name: label, inputs, attrs: { ...attrs, activation: "none" as Activation }, tolerance, why, checkGradient: [] };
        const fused = { ...inputs, bias: f32([rows]), residual: f32([tokens, rows]) };
        yield {
          name: `silu with bias and residual, ${label}`,
          inputs: fused,
          attrs: { ...attrs, activation: "silu" as Activation },
          tolerance: 2 * tolerance,
          why,
          checkGradient: [],
        };
      }
    }
  },
});

/** activation(x·Wᵀ + bias) with W `[out, features]` kept in 16-bit floats: x `[…, features]` → `[…, out]`. */
export function linearHalf(
  inputs: { readonly x: Value; readonly halves: Value; readonly bias?: Value | undefined },
  attrs: LinearHalfAttrs,
): Value {
  return apply(linearHalfOp, inputs, attrs).y;
}
