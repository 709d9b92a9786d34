import { layerNormGradientOp, layerNormOp, rmsNormGradientOp, rmsNormOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmEncoder, type WasmTensor, type WasmTypes } from "../types.ts";
import { encodePass } from "./reduce.ts";
import { rowsOf } from "./softmax.ts";

export const normKernels: readonly Kernel<WasmTypes>[] = [
  implement(rmsNormOp, (encoder, { x, weight }, { y }, { epsilon }) =>
    encodeNorm(encoder, "f32_rms_norm", { x, shared: [weight], y, epsilon }),
  ),
  implement(layerNormOp, (encoder, { x, weight, bias }, { y }, { epsilon }) =>
    encodeNorm(encoder, "f32_layer_norm", { x, shared: [weight, bias], y, epsilon }),
  ),
  implement(rmsNormGradientOp, (encoder, { x, weight, grad }, to, { epsilon }) =>
    encodeGradient(encoder, "f32_rms_norm_gradient", { x, weight, grad, toX: to.x, toShared: [to.weight], epsilon }),
  ),
  implement(layerNormGradientOp, (encoder, { x, weight, grad }, to, { epsilon }) =>
    encodeGradient(encoder, "f32_layer_norm_gradient", { x, weight, grad, toX: to.x, toShared: [to.weight, to.bias], epsilon }),
  ),
];

interface Norm {
  readonly x: WasmTensor;
  readonly shared: readonly WasmTensor[];
  readonly y: WasmTensor;
  readonly epsilon: number;
}

function encodeNorm(encoder: WasmEncoder, kernel: string, { x, shared, y, epsilon }: Norm): void {
  const [rows, length] = rowsOf(x);
  encoder.divide({ size: rows, nanoseconds: x.size }, (begin, end) => {
    const offset = 4 * begin * length;
    encoder.call(kernel, x.address + offset, ...shared.map(({ address }) => address), y.address + offset, end - begin, length, epsilon);
  });
}

/** Rows whose gradients of weight and bias are summed at once; the sums of such blocks are added in order. */
const BLOCK_ROWS = 64;

interface Gradient {
  readonly x: WasmTensor;
  readonly weight: WasmTensor;
  readonly grad: WasmTensor;
  readonly toX: WasmTensor;
  readonly toShared: readonly WasmTensor[];
  readonly epsilon: number;
}

function encodeGradient(encoder: WasmEncoder, kernel: string, { x, weight, grad, toX, toShared, epsilon }: Gradient): void {
  const [rows, length] = rowsOf(x);
  const blocks = Math.max(1, Math.ceil(rows / BLOCK_ROWS));
  const sums = blocks === 1 ? toShared.map(({ address }) => address) : toShared.map(() => encoder.scratch(4 * blocks * length));
  encoder.divide({ size: blocks, nanoseconds: 2 * x.size }, (begin, end) => {
    for (let block = begin; block < end; block++) {
      const offset = 4 * block * BLOCK_ROWS * length;
      const count = Math.min(BLOCK_ROWS, rows - block * BLOCK_ROWS);
      const places = [x.address + offset, weight.address, grad.address + offset, toX.address + offset];
      encoder.call(kernel, ...places, ...sums.map((sum) => sum + 4 * block * length), count, length, epsilon);
    }
  });
  if (blocks === 1) return;
  toShared.forEach(({ address }, i) =>
    encodePass(encoder, "f32_sum", { from: sums[i]!, to: address, outer: 1, size: blocks, inner: length, scale: 1 }),
  );
}
