import { crossEntropyGradientOp, crossEntropyOp, logSoftmaxOp, softmaxOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmEncoder, type WasmTensor, type WasmTypes } from "../types.ts";

export const softmaxKernels: readonly Kernel<WasmTypes>[] = [
  implement(softmaxOp, (encoder, { x }, { y }) => encodeRows(encoder, "f32_softmax", x, [x, y])),
  implement(logSoftmaxOp, (encoder, { x }, { y }) => encodeRows(encoder, "f32_log_softmax", x, [x, y])),
  implement(crossEntropyOp, (encoder, { logits, targets }, { nll, logSumExp }) =>
    encodeRows(encoder, "f32_cross_entropy", logits, [logits, targets, nll, logSumExp]),
  ),
  implement(crossEntropyGradientOp, (encoder, { grad, logits, targets, logSumExp }, { logits: to }) =>
    encodeRows(encoder, "f32_cross_entropy_gradient", logits, [grad, logits, targets, logSumExp, to]),
  ),
];

/** Tensors with one or many numbers for each row of `wide`, then how many rows and how long. */
function encodeRows(encoder: WasmEncoder, kernel: string, wide: WasmTensor, tensors: readonly WasmTensor[]): void {
  const [rows, length] = rowsOf(wide);
  encoder.divide({ size: rows, nanoseconds: 2 * wide.size }, (begin, end) => {
    const places = tensors.map(({ address, size }) => address + (rows === 0 ? 0 : 4 * begin * (size / rows)));
    encoder.call(kernel, ...places, end - begin, length);
  });
}

/** How many rows along the last axis, and how long. */
export function rowsOf({ shape, size }: WasmTensor): [number, number] {
  const length = shape.at(-1) ?? 1;
  return [length === 0 ? 0 : size / length, length];
}
