import { castOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

export const castKernel: Kernel<WasmTypes> = implement(castOp, (encoder, { x }, { y }) =>
  encoder.call(`${x.dtype}_cast_${y.dtype}`, x.address, y.address, x.size),
);
