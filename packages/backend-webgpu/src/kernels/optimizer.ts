import { adamwOp, sgdOp, type Kernel } from "@pare/tensor-core";
import { implement, type WebgpuTypes } from "../types.ts";
import { encodeElements } from "./elementwise.ts";

export const optimizerKernels: readonly Kernel<WebgpuTypes>[] = [
  implement(adamwOp, (encoder, { gradient, hyper }, { parameter, m, v }) =>
    encodeElements(encoder, parameter.size, {
      kernel: "f32_adamw",
      reads: { gradient, hyper },
      writes: { parameter, m, v },
      body: `let rate = read_hyper(0u); let beta1 = read_hyper(1u); let beta2 = read_hyper(2u);
  let g = read_gradient(i) * read_hyper(7u);
  let m = fma(beta1, read_m(i), (1.0 - beta1) * g);
  let v = fma(beta2, read_v(i), (1.0 - beta2) * g * g);
  let step = m / read_hyper(5u) / (sqrt(v / read_hyper(6u)) + read_hyper(3u));
  write_m(i, m);
  write_v(i, v);
  write_parameter(i, fma(-rate, step, read_parameter(i) * (1.0 - rate * read_hyper(4u))));`,
    }),
  ),
  implement(sgdOp, (encoder, { gradient, hyper }, { parameter, velocity }) =>
    encodeElements(encoder, parameter.size, {
      kernel: "f32_sgd",
      reads: { gradient, hyper },
      writes: { parameter, velocity },
      body: `let before = read_parameter(i);
  let velocity = fma(read_hyper(1u), read_velocity(i), fma(read_hyper(3u), read_gradient(i), read_hyper(2u) * before));
  write_velocity(i, velocity);
  write_parameter(i, fma(-read_hyper(0u), velocity, before));`,
    }),
  ),
];
