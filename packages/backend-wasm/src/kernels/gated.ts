import { activationGradientOp, siluMulGradientOp, siluMulOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmEncoder, type WasmTensor, type WasmTypes } from "../types.ts";

export const gatedKernels: readonly Kernel<WasmTypes>[] = [
  implement(activationGradientOp, (encoder, { grad, x }, { y }, { activation }) =>
    encodeFlat(encoder, `f32_${activation.replace("-", "_")}_gradient`, [grad, x, y]),
  ),
  implement(siluMulOp, (encoder, { gate, up }, { y }) => encodeFlat(encoder, "f32_silu_mul", [gate, up, y])),
  implement(siluMulGradientOp, (encoder, { grad, gate, up }, to) =>
    encodeFlat(encoder, "f32_silu_mul_gradient", [grad, gate, up, to.gate, to.up]),
  ),
];

/** Tensors of one size, element by element. */
function encodeFlat(encoder: WasmEncoder, kernel: string, tensors: readonly WasmTensor[]): void {
  const { size } = tensors[0]!;
  encoder.divide({ size, grain: 16, nanoseconds: 2 * size }, (begin, end) =>
    encoder.call(kernel, ...tensors.map(({ address }) => address + 4 * begin), end - begin),
  );
}
