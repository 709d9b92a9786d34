import { allocateArray, toFloat32, type DType, type TypedArray } from "./dtype.ts";
import { sizeOf, type Shape } from "./dim.ts";

/** Dtype and shape of a tensor; the shape may hold named dimensions. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Host data, row-major. Whoever holds it must not write into it unless it made it. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** A tensor that is read only when it is used: from a file, or from memory. */
export interface TensorSource {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly read: () => Promise<HostTensor>;
}

/** A float32 tensor over this data (zeros without any); a Float32Array is taken as it is. */
export function f32(shape: readonly number[], data: ArrayLike<number> = new Float32Array(sizeOf(shape))): HostTensor {
  return { dtype: "f32", shape, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

/** An int32 tensor over this data; an Int32Array is taken as it is. */
export function i32(shape: readonly number[], data: ArrayLike<number>): HostTensor {
  return { dtype: "i32", shape, data: data instanceof Int32Array ? data : Int32Array.from(data) };
}

/** A tensor of zeros. */
export function zeros(dtype: DType, shape: readonly number[]): HostTensor {
  return { dtype, shape, data: allocateArray(dtype, sizeOf(shape)) };
}

/** The tensor as float32; one that is float32 is given back as it is. */
export function asFloat32(tensor: HostTensor): HostTensor {
  return tensor.dtype === "f32" ? tensor : { dtype: "f32", shape: tensor.shape, data: toFloat32(tensor.dtype, tensor.data) };
}

/** Some rows (axis 0) of a tensor, from `row` on. */
export interface FloatRows {
  readonly row: number;
  readonly values: Float32Array;
}

/** Numbers of {@link floatRows} at a time: 4 MB of floats. */
const ROWS_PIECE = 2 ** 20;

/** The tensor as float32, a few MB of rows at a time: one of 16 bits is never held a second time at twice its size. */
export function* floatRows({ dtype, shape, data }: HostTensor): Generator<FloatRows> {
  const rows = shape[0] ?? 1;
  const width = data.length / Math.max(rows, 1);
  const most = Math.max(1, Math.floor(ROWS_PIECE / Math.max(width, 1)));
  for (let row = 0; row < rows; row += most) {
    const part = data.subarray(row * width, Math.min(rows, row + most) * width);
    yield { row, values: toFloat32(dtype, part) };
  }
}

/** A source over data that is already in memory. */
export function sourceOf(tensor: HostTensor): TensorSource {
  return { dtype: tensor.dtype, shape: tensor.shape, bytes: tensor.data.byteLength, read: () => Promise.resolve(tensor) };
}
