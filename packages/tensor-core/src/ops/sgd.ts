import { expectShape, floatType, type NoAttrs } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make } from "./support/host.ts";
import { apply, type Value } from "../graph.ts";
import { f32 } from "../host.ts";
import { defineOp, type Op } from "../op.ts";

/**
 * One step of gradient descent with momentum (Sutskever et al., "On the importance of initialization and momentum", 2013, section 2) and
 * coupled decay, in place: velocity ← momentum·velocity + gradient·gradientScale + weightDecay·parameter,
 * parameter ← parameter − learningRate·velocity.
 *
 * hyper f32 `[4]` = [learningRate, momentum, weightDecay, gradientScale].
 */
export const sgdOp: Op<"sgd", "parameter" | "gradient" | "velocity" | "hyper", never, "parameter" | "velocity", NoAttrs> = defineOp({
  name: "sgd",
  inputs: ["parameter", "gradient", "velocity", "hyper"],
  outputs: ["parameter", "velocity"],
  updates: { parameter: "parameter", velocity: "velocity" },
  infer: (inputs) => {
    const dtype = floatType("sgd", inputs);
    const { shape } = inputs.parameter;
    expectShape("sgd", "gradient", inputs.gradient, shape);
    expectShape("sgd", "velocity", inputs.velocity, shape);
    expectShape("sgd", "hyper", inputs.hyper, [4]);
    return { parameter: { dtype, shape }, velocity: { dtype, shape } };
  },
  reference: (inputs) => {
    const { dtype, shape } = inputs.parameter;
    const [learningRate, momentum, decay, scale] = dataOf(inputs.hyper) as unknown as number[];
    const outputs = { parameter: make(dtype, shape), velocity: make(dtype, shape) };
    const [parameters, gradients, velocities] = [dataOf(inputs.parameter), dataOf(inputs.gradient), dataOf(inputs.velocity)];
    for (let i = 0; i < parameters.length; i++) {
      const velocity = momentum! * velocities[i]! + scale! * gradients[i]! + decay! * parameters[i]!;
      outputs.velocity.data[i] = velocity;
      outputs.parameter.data[i] = parameters[i]! - learningRate! * velocity;
    }
    return outputs;
  },
  cases: function* () {
    for (const size of [...ODD_SIZES, 67]) {
      const sample = sampler(`${size}`);
      const hyper = f32([4], size % 2 === 0 ? [0.1, 0.9, 0.01, 0.5] : [0.5, 0, 0, 1]);
      const inputs = { parameter: sample.f32([size]), gradient: sample.f32([size]), velocity: sample.f32([size]), hyper };
      yield { name: `[${size}]`, inputs, attrs: {}, tolerance: 1e-6, why: "at most six f32 roundings of numbers below 3" };
    }
  },
});

/** Applies the op; what it gives must be assigned to the States it came from. */
export function sgdStep(inputs: { readonly parameter: Value; readonly gradient: Value; readonly velocity: Value; readonly hyper: Value }): {
  readonly parameter: Value;
  readonly velocity: Value;
} {
  return apply(sgdOp, inputs, {});
}
