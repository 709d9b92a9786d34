import { adamwOp, sgdOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmEncoder, type WasmTensor, type WasmTypes } from "../types.ts";

/** Outputs are the States themselves: the planner gives them their inputs' places. */
export const optimizerKernels: readonly Kernel<WasmTypes>[] = [
  implement(adamwOp, (encoder, { parameter, gradient, m, v, hyper }) =>
    encodeUpdate(encoder, "f32_adamw", [parameter, gradient, m, v], hyper),
  ),
  implement(sgdOp, (encoder, { parameter, gradient, velocity, hyper }) =>
    encodeUpdate(encoder, "f32_sgd", [parameter, gradient, velocity], hyper),
  ),
];

function encodeUpdate(encoder: WasmEncoder, kernel: string, tensors: readonly WasmTensor[], hyper: WasmTensor): void {
  const { size } = tensors[0]!;
  encoder.divide({ size, grain: 16, nanoseconds: 1.5 * size }, (begin, end) =>
    encoder.call(kernel, ...tensors.map(({ address }) => address + 4 * begin), end - begin, hyper.address),
  );
}
