import { UNARY_OPS, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

export const unaryKernels: readonly Kernel<WasmTypes>[] = UNARY_OPS.map((op) => {
  const kernel = `f32_${op.name.replace("-", "_")}`;
  return implement(op, (encoder, { x }, { y }) => {
    encoder.divide({ size: x.size, grain: 16, nanoseconds: 2 * x.size }, (begin, end) =>
      encoder.call(kernel, x.address + 4 * begin, y.address + 4 * begin, end - begin),
    );
  });
});
