import { expectShape, floatType, type NoAttrs } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make } from "./support/host.ts";
import { apply, type Value } from "../graph.ts";
import { f32 } from "../host.ts";
import { defineOp, type Op } from "../op.ts";

/**
 * One AdamW step (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, algorithm 2), in place:
 * g = gradient·gradientScale, m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g²,
 * parameter ← parameter·(1 − learningRate·weightDecay) − learningRate·(m/c₁)/(√(v/c₂) + ε).
 *
 * hyper f32 `[8]` = [learningRate, β₁, β₂, ε, weightDecay, c₁ = 1 − β₁ᵗ, c₂ = 1 − β₂ᵗ, gradientScale].
 */
export const adamwOp: Op<"adamw", "parameter" | "gradient" | "m" | "v" | "hyper", never, "parameter" | "m" | "v", NoAttrs> = defineOp({
  name: "adamw",
  inputs: ["parameter", "gradient", "m", "v", "hyper"],
  outputs: ["parameter", "m", "v"],
  updates: { parameter: "parameter", m: "m", v: "v" },
  infer: (inputs) => {
    const dtype = floatType("adamw", inputs);
    const { shape } = inputs.parameter;
    expectShape("adamw", "gradient", inputs.gradient, shape);
    expectShape("adamw", "m", inputs.m, shape);
    expectShape("adamw", "v", inputs.v, shape);
    expectShape("adamw", "hyper", inputs.hyper, [8]);
    const type = { dtype, shape };
    return { parameter: type, m: type, v: type };
  },
  reference: (inputs) => {
    const { dtype, shape } = inputs.parameter;
    const [learningRate, beta1, beta2, epsilon, decay, correction1, correction2, scale] = dataOf(inputs.hyper) as unknown as number[];
    const outputs = { parameter: make(dtype, shape), m: make(dtype, shape), v: make(dtype, shape) };
    const [parameters, gradients, ms, vs] = [dataOf(inputs.parameter), dataOf(inputs.gradient), dataOf(inputs.m), dataOf(inputs.v)];
    for (let i = 0; i < parameters.length; i++) {
      const g = gradients[i]! * scale!;
      const m = beta1! * ms[i]! + (1 - beta1!) * g;
      const v = beta2! * vs[i]! + (1 - beta2!) * g * g;
      const step = m / correction1! / (Math.sqrt(v / correction2!) + epsilon!);
      outputs.m.data[i] = m;
      outputs.v.data[i] = v;
      outputs.parameter.data[i] = parameters[i]! * (1 - learningRate! * decay!) - learningRate! * step;
    }
    return outputs;
  },
  cases: function* () {
    const hypers = [
      [1e-3, 0.9, 0.999, 1e-8, 0.01, 0.1, 0.001, 1],
      [0.1, 0.9, 0.95, 1e-5, 0.1, 0.5, 0.2, 0.25],
      [0.01, 0, 0.5, 1e-6, 0, 1, 1, 1],
    ];
    for (const size of [...ODD_SIZES, 67]) {
      const sample = sampler(`${size}`);
      const hyper = f32([8], hypers[size % 3]!);
      const inputs = {
        parameter: sample.f32([size]),
        gradient: sample.f32([size]),
        m: sample.f32([size]),
        v: sample.f32([size], 0, 1),
        hyper,
      };
      yield { name: `[${size}]`, inputs, attrs: {}, tolerance: 1e-5, why: "a dozen f32 roundings" };
    }
    const zero = f32([5]);
    const inputs = { parameter: sampler("still").f32([5]), gradient: zero, m: zero, v: zero, hyper: f32([8], hypers[0]!) };
    yield { name: "no gradient yet", inputs, attrs: {}, tolerance: 1e-6, why: "decay alone: two f32 roundings" };
  },
});

/** Applies the op; what it gives must be assigned to the States it came from. */
export function adamwStep(inputs: {
  readonly parameter: Value;
  readonly gradient: Value;
  readonly m: Value;
  readonly v: Value;
  readonly hyper: Value;
}): { readonly parameter: Value; readonly m: Value; readonly v: Value } {
  return apply(adamwOp, inputs, {});
}
