import { argmaxOp, maxOp, meanOp, sizeOf, sumOp, sumSquaresOp, type Kernel, type ReduceAttrs } from "@pare/tensor-core";
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

/** One pass per run of neighbouring reduced axes, the innermost first. */
function encodeReduction(encoder: WasmEncoder, { kernel, x, y, axes, scale }: Reduction): void {
  const runs = runsOf(x.shape, axes);
  let from = x.address;
  for (;;) {
    const at = runs.findLastIndex(({ reduced }) => reduced);
    const outer = sizeOf(runs.slice(0, at).map(({ size }) => size));
    const inner = sizeOf(runs.slice(at + 1).map(({ size }) => size));
    const { size } = runs[at]!;
    runs.splice(at, 1);
    const last = !runs.some(({ reduced }) => reduced);
    const to = last ? y.address : encoder.scratch(4 * outer * inner);
    encodePass(encoder, kernel, { from, to, outer, size, inner, scale: last ? scale : 1 });
    if (last) return;
    from = to;
  }
}

interface Pass {
  readonly from: number;
  readonly to: number;
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
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

interface Run {
  size: number;
  readonly reduced: boolean;
}

/** Neighbouring axes that are all reduced or all kept, as one; at least one run is reduced, if only of length 1. */
function runsOf(shape: readonly number[], axes: readonly number[]): Run[] {
  const runs: Run[] = [];
  shape.forEach((size, axis) => {
    const reduced = axes.includes(axis);
    const before = runs.at(-1);
    if (before?.reduced === reduced) before.size *= size;
    else runs.push({ size, reduced });
  });
  return runs.some(({ reduced }) => reduced) ? runs : [...runs, { size: 1, reduced: true }];
}
