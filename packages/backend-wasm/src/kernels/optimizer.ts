import { adamwOp, sgdOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

/** Outputs are the States themselves: the planner gives them their inputs' places. */
export const optimizerKernels: readonly Kernel<WasmTypes>[] = [
  implement(adamwOp, (encoder, { parameter, gradient, m, v, hyper }) =>
    encoder.call("f32_adamw", parameter.address, gradient.address, m.address, v.address, parameter.size, hyper.address),
  ),
  implement(sgdOp, (encoder, { parameter, gradient, velocity, hyper }) =>
    encoder.call("f32_sgd", parameter.address, gradient.address, velocity.address, parameter.size, hyper.address),
  ),
];
