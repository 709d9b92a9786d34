import { crossEntropyGradientOp, crossEntropyOp, logSoftmaxOp, softmaxOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTensor, type WasmTypes } from "../types.ts";

export const softmaxKernels: readonly Kernel<WasmTypes>[] = [
  implement(softmaxOp, (encoder, { x }, { y }) => encoder.call("f32_softmax", x.address, y.address, ...rowsOf(x))),
  implement(logSoftmaxOp, (encoder, { x }, { y }) => encoder.call("f32_log_softmax", x.address, y.address, ...rowsOf(x))),
  implement(crossEntropyOp, (encoder, { logits, targets }, { nll, logSumExp }) =>
    encoder.call("f32_cross_entropy", logits.address, targets.address, nll.address, logSumExp.address, ...rowsOf(logits)),
  ),
  implement(crossEntropyGradientOp, (encoder, { grad, logits, targets, logSumExp }, outputs) => {
    const inputs = [grad, logits, targets, logSumExp].map(({ address }) => address);
    encoder.call("f32_cross_entropy_gradient", ...inputs, outputs.logits.address, ...rowsOf(logits));
  }),
];

/** How many rows along the last axis, and how long. */
export function rowsOf({ shape, size }: WasmTensor): [number, number] {
  const length = shape.at(-1) ?? 1;
  return [length === 0 ? 0 : size / length, length];
}
