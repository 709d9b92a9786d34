import { randomUniformOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

export const randomUniformKernel: Kernel<WasmTypes> = implement(randomUniformOp, (encoder, { seed }, { y }, { stream }) =>
  encoder.call("f32_random_uniform", seed.address, y.address, y.size, stream),
);
