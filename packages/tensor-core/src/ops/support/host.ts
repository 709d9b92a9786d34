/** Reading and making host tensors in references. Outputs follow the dtype of the floating inputs: f32, or f64 in gradient checks. */
import { allocateArray, type DType } from "../../dtype.ts";
import { sizeOf, type Dim } from "../../dim.ts";
import type { HostTensor } from "../../host.ts";

/** Element arrays that references compute on; 64-bit integers have no ops. */
export type NumberArray = Float64Array | Float32Array | Int32Array | Uint8Array;

/** A host tensor whose data the holder made and may write. */
export interface OwnTensor extends HostTensor {
  readonly data: NumberArray;
}

export function dataOf(tensor: HostTensor): NumberArray {
  return tensor.data as NumberArray;
}

export function make(dtype: DType, shape: readonly number[]): OwnTensor {
  return { dtype, shape, data: allocateArray(dtype, sizeOf(shape)) as NumberArray };
}

/** Dimensions of a bound attribute; a named one throws `tensor-core/named-dim-as-number`. */
export function numbersOf(dims: readonly Dim[]): number[] {
  return dims.map(Number);
}

/** Elements between neighbours along each axis, row-major. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/** Strides that read a tensor of shape `from` as if it had the broadcast shape `to`. */
export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const strides = stridesOf(from);
  const lead = to.length - from.length;
  return to.map((_, axis) => (axis < lead || from[axis - lead] === 1 ? 0 : strides[axis - lead]!));
}

/** For every index of `shape` in row-major order, `start + Σ index·stride`. */
export function offsetsOf(shape: readonly number[], strides: readonly number[], start = 0): Int32Array {
  const offsets = new Int32Array(sizeOf(shape)).fill(start);
  let repeat = offsets.length;
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis]!;
    repeat /= size;
    for (let i = 0; i < offsets.length; i++) offsets[i]! += (Math.floor(i / repeat) % size) * strides[axis]!;
  }
  return offsets;
}

/** Rows along the last axis: how many and how long. */
export function rowsOf(shape: readonly number[]): { readonly count: number; readonly length: number } {
  return { count: sizeOf(shape.slice(0, -1)), length: shape.at(-1) ?? 1 };
}
