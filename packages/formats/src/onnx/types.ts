/** ONNX element types, and numbers as bytes of them. */
import { byteSize, toF16, viewArray, type DType, type HostTensor, type TypedArray } from "@pare/tensor-core";

/** TensorProto.DataType of what is written and read. */
export const ONNX_TYPES: Readonly<Record<DType, number>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  u16: 4,
  i16: 5,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  f64: 11,
  u32: 12,
  u64: 13,
  bf16: 16,
};

const DTYPES = new Map(Object.entries(ONNX_TYPES).map(([dtype, type]) => [type, dtype as DType]));

/** The dtype of a TensorProto.DataType; undefined: one that is not read (text, complex, 8-bit floats, 4-bit integers). */
export function dtypeOf(type: number): DType | undefined {
  return DTYPES.get(type);
}

/** Largest finite binary16. */
export const F16_MAX = 65504;

/** Floats as f32 or f16 bits. */
export function floatBytes(data: ArrayLike<number>, dtype: "f32" | "f16"): Uint8Array {
  if (dtype === "f32") return bytesOf(data instanceof Float32Array ? data : Float32Array.from(data));
  // Not `from` with a function, which makes a list of a large matrix first.
  const halves = new Uint16Array(data.length);
  for (let at = 0; at < halves.length; at++) halves[at] = toF16(data[at]!);
  return bytesOf(halves);
}

/** The same memory as bytes. ONNX's raw data is little-endian, as this code's hosts are. */
export function bytesOf(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

export function tensorOf(dtype: DType, shape: readonly number[], bytes: Uint8Array): HostTensor {
  return { dtype, shape, data: viewArray(dtype, bytes) };
}

export function byteLength(dtype: DType, shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, byteSize(dtype));
}
