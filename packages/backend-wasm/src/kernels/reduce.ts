import {
  argmaxOp,
  maxOp,
  meanOp,
  reductionPasses,
  sizeOf,
  sumOp,
  sumSquaresOp,
  type Kernel,
  type ReduceAttrs,
  type ReductionPass,
} from "@pare/tensor-core";
import { implement, type WasmEncoder, type WasmTensor, type WasmTypes } from "../types.ts";

export const reduceKernels: readonly Kernel<WasmTypes>[] = [
  implement(sumOp, (encoder, { x }, { y }, { axes }) => encodeReduction(encoder, { kernel: "f32_sum", x, y, axes, scale: 1 })),
  implement(meanOp, (encoder, { x }, { y }, { axes }) =>
    encodeReduction(encoder, { kernel: "f32_sum", x, y, axes, scale: 1 / sizeOf(axes.map((axis) => x.shape[axis]!)) }),
  ),
  implement(maxOp, (encoder, { x }, { y }, { axes }) => encodeReduction(encoder, { kernel: "f32_max", x, y, axes, scale: 1 })),
  implement(sumSquaresOp, (encoder, { x }, { y }) => encoder.call("f32_sum_squares", x.address, y.address, x.size)),
  implement(argmaxOp, (encoder, { x }, { y }) => {
    const length = x.shape.at(-1)!;
    encoder.divide({ size: y.size, nanoseconds: x.size }, (begin, end) =>
      encoder.call("f32_argmax", x.address + 4 * begin * length, y.address + 4 * begin, end - begin, length),
    );
  }),
];

interface Reduction {
  readonly kernel: "f32_sum" | "f32_max";
  readonly x: WasmTensor;
  readonly y: WasmTensor;
  readonly axes: ReduceAttrs["axes"];
  /** Factor of the result. */
  readonly scale: number;
}

function encodeReduction(encoder: WasmEncoder, { kernel, x, y, axes, scale }: Reduction): void {
  const passes = reductionPasses(x.shape, axes);
  let from = x.address;
  passes.forEach((pass, index) => {
    const last = index === passes.length - 1;
    const to = last ? y.address : encoder.scratch(4 * pass.outer * pass.inner);
    encodePass(encoder, kernel, { ...pass, from, to, scale: last ? scale : 1 });
    from = to;
  });
}

interface Pass extends ReductionPass {
  readonly from: number;
  readonly to: number;
  readonly scale: number;
}

/** Divided over what is kept: each sum is made by one thread, in order. */
export function encodePass(encoder: WasmEncoder, kernel: string, { from, to, outer, size, inner, scale }: Pass): void {
  const nanoseconds = 0.4 * outer * size * inner;
  const stride = 4 * inner;
  if (outer > 1) {
    encoder.divide({ size: outer, nanoseconds }, (begin, end) =>
      encoder.call(kernel, from + begin * size * stride, to + begin * stride, end - begin, size, inner, stride, scale),
    );
  } else {
    encoder.divide({ size: inner, grain: 16, nanoseconds }, (begin, end) =>
      encoder.call(kernel, from + 4 * begin, to + 4 * begin, outer, size, end - begin, stride, scale),
    );
  }
}
