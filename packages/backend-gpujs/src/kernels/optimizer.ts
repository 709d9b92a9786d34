/** One step of an optimizer, in place. */
import { adamwOp, sgdOp, type Kernel } from "@pare/tensor-core";
import { implement, type GpujsTypes } from "../types.ts";

const MOMENT = { gradient: "tensor", m: "tensor", hyper: "tensor" } as const;
const MEAN = {
  name: "f32_adamw_mean",
  parameters: MOMENT,
  body: "return hyper[1] * m[i] + (1.0 - hyper[1]) * gradient[i] * hyper[7];",
} as const;
const SQUARES = {
  name: "f32_adamw_squares",
  parameters: MOMENT,
  body: "const g = gradient[i] * hyper[7]; return hyper[2] * m[i] + (1.0 - hyper[2]) * g * g;",
} as const;
const ADAMW = {
  name: "f32_adamw",
  parameters: { parameter: "tensor", m: "tensor", v: "tensor", hyper: "tensor" },
  body: `const step = m[i] / hyper[5] / (Math.sqrt(v[i] / hyper[6]) + hyper[3]);
    return parameter[i] * (1.0 - hyper[0] * hyper[4]) - hyper[0] * step;`,
} as const;

const VELOCITY = {
  name: "f32_sgd_velocity",
  parameters: { parameter: "tensor", gradient: "tensor", velocity: "tensor", hyper: "tensor" },
  body: "return hyper[1] * velocity[i] + hyper[3] * gradient[i] + hyper[2] * parameter[i];",
} as const;
const SGD = {
  name: "f32_sgd",
  parameters: { parameter: "tensor", velocity: "tensor", hyper: "tensor" },
  body: "return parameter[i] - hyper[0] * velocity[i];",
} as const;

export const optimizerKernels: readonly Kernel<GpujsTypes>[] = [
  implement(adamwOp, (encoder, { parameter, gradient, m, v, hyper }, to) => {
    encoder.pass(MEAN, to.m, { gradient, m, hyper });
    encoder.pass(SQUARES, to.v, { gradient, m: v, hyper });
    encoder.pass(ADAMW, to.parameter, { parameter, m: to.m, v: to.v, hyper });
  }),
  implement(sgdOp, (encoder, { parameter, gradient, velocity, hyper }, to) => {
    encoder.pass(VELOCITY, to.velocity, { parameter, gradient, velocity, hyper });
    encoder.pass(SGD, to.parameter, { parameter, velocity: to.velocity, hyper });
  }),
];
