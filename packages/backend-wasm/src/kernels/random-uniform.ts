import { randomUniformOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

export const randomUniformKernel: Kernel<WasmTypes> = implement(randomUniformOp, (encoder, { seed }, { y }, { stream }) =>
  encoder.call("random_uniform_f32", seed.address, y.address, y.size, stream),
);
