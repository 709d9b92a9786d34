/** Ops that only move elements: all are one strided copy, or two. */
import {
  broadcastOp,
  broadcastStrides,
  byteSize,
  collapse,
  concatOp,
  type DType,
  type Kernel,
  type Loop,
  padOp,
  stridesOf,
  sizeOf,
  sliceOp,
  transposeOp,
} from "@pare/tensor-core";
import { implement, type WasmEncoder, type WasmTypes } from "../types.ts";
import { eachBlock } from "./strides.ts";

/** Strides are in elements. */
interface Place {
  readonly address: number;
  readonly strides: readonly number[];
}

interface Copy {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly from: Place;
  readonly to: Place;
}

export const copyKernels: readonly Kernel<WasmTypes>[] = [
  implement(broadcastOp, (encoder, { x }, { y }) => {
    const from = { address: x.address, strides: broadcastStrides(x.shape, y.shape) };
    encodeCopy(encoder, { shape: y.shape, dtype: x.dtype, from, to: { address: y.address, strides: stridesOf(y.shape) } });
  }),
  implement(transposeOp, (encoder, { x }, { y }, { axes }) => {
    const strides = stridesOf(x.shape);
    const from = { address: x.address, strides: axes.map((axis) => strides[axis]!) };
    encodeCopy(encoder, { shape: y.shape, dtype: x.dtype, from, to: { address: y.address, strides: stridesOf(y.shape) } });
  }),
  implement(sliceOp, (encoder, { x }, { y }, { starts }) => {
    const from = within(x, starts.map(Number));
    encodeCopy(encoder, { shape: y.shape, dtype: x.dtype, from, to: { address: y.address, strides: stridesOf(y.shape) } });
  }),
  implement(padOp, (encoder, { x }, { y }, { before }) => {
    encoder.call("u8_zero", y.address, y.size * byteSize(y.dtype));
    const from = { address: x.address, strides: stridesOf(x.shape) };
    encodeCopy(encoder, { shape: x.shape, dtype: x.dtype, from, to: within(y, before.map(Number)) });
  }),
  implement(concatOp, (encoder, { a, b }, { y }, { axis }) => {
    for (const [part, start] of [
      [a, 0],
      [b, a.shape[axis]!],
    ] as const) {
      const to = within(
        y,
        y.shape.map((_, i) => (i === axis ? start : 0)),
      );
      encodeCopy(encoder, { shape: part.shape, dtype: y.dtype, from: { address: part.address, strides: stridesOf(part.shape) }, to });
    }
  }),
];

/** The part of a tensor that begins at an index. */
function within({ address, shape, dtype }: { address: number; shape: readonly number[]; dtype: DType }, start: readonly number[]): Place {
  const strides = stridesOf(shape);
  const offset = start.reduce((total, index, axis) => total + index * strides[axis]!, 0);
  return { address: address + offset * byteSize(dtype), strides };
}

function encodeCopy(encoder: WasmEncoder, { shape, dtype, from, to }: Copy): void {
  if (sizeOf(shape) === 0) return;
  const bytes = byteSize(dtype);
  const loops = collapse(shape, [from.strides, to.strides]);
  const inner = loops.at(-1) ?? { size: 1, strides: [1, 1] };
  const outer = loops.slice(0, -1);
  const place = ([x, y]: readonly number[]): [number, number] => [from.address + x! * bytes, to.address + y! * bytes];
  const flat = (of: readonly Loop[]): number[] => of.flatMap(({ size, strides: [x, y] }) => [size, x! * bytes, y! * bytes]);
  const each = (rest: readonly Loop[], depth: number, kernel: string, last: readonly number[]): void =>
    eachBlock(rest, { depth, operands: 2 }, (offsets, block) => encoder.call(kernel, ...place(offsets), ...flat(block), ...last));

  const [stepX, stepY] = inner.strides as [number, number];
  const turned = outer.findIndex(({ strides }) => strides[0] === 1);
  if (stepX === 1 && stepY === 1) each(outer, 3, "u8_copy", [inner.size * bytes]);
  else if (bytes === 4 && stepX === 0 && stepY === 1) each(outer, 3, "u32_repeat", [inner.size]);
  else if (bytes === 4 && stepY === 1 && turned !== -1) {
    const { size, strides } = outer[turned]!;
    each(outer.toSpliced(turned, 1), 2, "u32_turn", [inner.size, size, stepX * bytes, strides[1]! * bytes]);
  } else each(loops, 3, "u8_copy", [bytes]);
}
