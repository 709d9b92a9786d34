import { castOp, type Kernel } from "@pare/tensor-core";
import { implement, type WebgpuTypes } from "../types.ts";
import { encodeElements } from "./elementwise.ts";

export const castKernel: Kernel<WebgpuTypes> = implement(castOp, (encoder, { x }, { y }, { dtype }) =>
  encodeElements(encoder, x.size, {
    kernel: `${x.dtype}_to_${dtype}`,
    reads: { x },
    writes: { y },
    body: `write_y(i, ${dtype}(read_x(i)));`,
  }),
);
