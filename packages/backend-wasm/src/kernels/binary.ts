import {
  addOp,
  broadcastStrides,
  collapse,
  divOp,
  equalOp,
  greaterOp,
  type Kernel,
  maximumOp,
  minimumOp,
  mulOp,
  subOp,
} from "@pare/tensor-core";
import { implement, type WasmEncoder, type WasmTensor, type WasmTypes } from "../types.ts";
import { divideLoops, eachBlock } from "./strides.ts";

interface Operands {
  readonly a: WasmTensor;
  readonly b: WasmTensor;
  readonly y: WasmTensor;
}

/** Kernels are called `<dtype of a>_<op>`. */
export const binaryKernels: readonly Kernel<WasmTypes>[] = [addOp, subOp, mulOp, divOp, maximumOp, minimumOp, greaterOp, equalOp].map(
  (op) => implement(op, (encoder, { a, b }, { y }) => encodeBinary(encoder, `${a.dtype}_${op.name}`, { a, b, y })),
);

function encodeBinary(encoder: WasmEncoder, kernel: string, { a, b, y }: Operands): void {
  if (y.size === 0) return;
  const places = [broadcastStrides(a.shape, y.shape), broadcastStrides(b.shape, y.shape), broadcastStrides(y.shape, y.shape)];
  eachBlock(collapse(y.shape, places), { depth: 4, operands: 3 }, ([atA, atB, atY], loops) => {
    const inner = loops[3]!;
    const [stepA, stepB] = inner.strides as [number, number];
    const repeats = stepA === stepB ? 0 : stepA === 0 ? 1 : 2;
    divideLoops(encoder, loops, 0.5, ([moreA, moreB, moreY], part) => {
      const outer = part.slice(0, 3).flatMap(({ size, strides }) => [size, 4 * strides[0]!, 4 * strides[1]!]);
      const places = [a.address + 4 * (atA! + moreA!), b.address + 4 * (atB! + moreB!), y.address + 4 * (atY! + moreY!)];
      encoder.call(kernel, ...places, ...outer, part[3]!.size, repeats);
    });
  });
}
