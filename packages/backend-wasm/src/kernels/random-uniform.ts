import { randomUniformOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

export const randomUniformKernel: Kernel<WasmTypes> = implement(randomUniformOp, (encoder, { seed }, { y }, { stream }) =>
  encoder.divide({ size: y.size, grain: 16, nanoseconds: 3 * y.size }, (begin, end) =>
    encoder.call("f32_random_uniform", seed.address, y.address + 4 * begin, begin, end, stream),
  ),
);
