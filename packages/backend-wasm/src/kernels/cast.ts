import { byteSize, castOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

export const castKernel: Kernel<WasmTypes> = implement(castOp, (encoder, { x }, { y }) =>
  encoder.divide({ size: x.size, grain: 16, nanoseconds: 0.5 * x.size }, (begin, end) =>
    encoder.call(`${x.dtype}_cast_${y.dtype}`, x.address + begin * byteSize(x.dtype), y.address + begin * byteSize(y.dtype), end - begin),
  ),
);
