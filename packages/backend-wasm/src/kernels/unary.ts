import {
  absOp,
  erfOp,
  expOp,
  geluOp,
  geluTanhOp,
  logOp,
  negOp,
  reluOp,
  rsqrtOp,
  sigmoidOp,
  siluOp,
  sqrtOp,
  tanhOp,
  type Kernel,
} from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

const OPS = [absOp, erfOp, expOp, geluOp, geluTanhOp, logOp, negOp, reluOp, rsqrtOp, sigmoidOp, siluOp, sqrtOp, tanhOp];

export const unaryKernels: readonly Kernel<WasmTypes>[] = OPS.map((op) => {
  const kernel = `f32_${op.name.replace("-", "_")}`;
  return implement(op, (encoder, { x }, { y }) => {
    encoder.divide({ size: x.size, grain: 16, nanoseconds: 2 * x.size }, (begin, end) =>
      encoder.call(kernel, x.address + 4 * begin, y.address + 4 * begin, end - begin),
    );
  });
});
