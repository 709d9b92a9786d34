import { sampler } from "./support/cases.ts";
import { inferLinear, referenceLinear, withEpilogue } from "./support/epilogue.ts";
import { expectHalves, halfRow, halfSamples, type HalfAttrs } from "./support/half.ts";
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
    return { y: inferLinear("linear-half", inputs, out, attrs.features) };
  },
  reference: (inputs, attrs) => ({
    y: referenceLinear(inputs, inputs.halves.shape[0]!, attrs.activation, (row) => halfRow(inputs.halves, attrs, row)),
  }),
  cases: function* () {
    const why = "sums of up to 1024 products in f32, in any order";
    for (const { name, halves, attrs, rows } of halfSamples()) {
      const tolerance = attrs.features > 70 ? 1e-4 : 1e-5;
      for (const tokens of [1, 3, 9]) {
        const label = `${tokens} tokens, ${name}`;
        const draw = sampler(label);
        const inputs = { halves, x: draw.f32([tokens, attrs.features]) };
        const plain = { name: label, inputs, attrs: { ...attrs, activation: "none" as Activation }, tolerance, why, checkGradient: [] };
        yield plain;
        yield withEpilogue(plain, draw, [tokens, rows], 2 * tolerance);
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
