import { castOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

export const castKernel: Kernel<WasmTypes> = implement(castOp, (encoder, { x }, { y }) =>
  encoder.call(`cast_${x.dtype}_${y.dtype}`, x.address, y.address, x.size),
);
