/** Element types. Devices compute in `f32`, `i32` and `u8`; the others are forms in which files keep tensors. */
export type DType = "f64" | "f32" | "f16" | "bf16" | "i64" | "u64" | "i32" | "u32" | "i16" | "u16" | "i8" | "u8" | "bool";

export type TypedArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

interface ArrayOf<Data extends TypedArray> {
  new (length: number): Data;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): Data;
  readonly BYTES_PER_ELEMENT: number;
}

/** How each dtype lies in host memory; f16 and bf16 are kept as their 16 bits. */
const ARRAYS: Readonly<Record<DType, ArrayOf<TypedArray>>> = {
  f64: Float64Array,
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  i32: Int32Array,
  u32: Uint32Array,
  i16: Int16Array,
  u16: Uint16Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

export const DTYPES: readonly DType[] = Object.keys(ARRAYS) as DType[];

/** Bytes per element. */
export function byteSize(dtype: DType): number {
  return ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/** So many zeros, as this dtype lies in host memory. */
export function allocateArray(dtype: DType, length: number): TypedArray {
  return new ARRAYS[dtype](length);
}

/** Reads bytes as elements, without copying where the start is aligned. */
export function viewArray(dtype: DType, bytes: Uint8Array): TypedArray {
  const Type = ARRAYS[dtype];
  const aligned = bytes.byteOffset % Type.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return new Type(aligned.buffer, aligned.byteOffset, aligned.byteLength / Type.BYTES_PER_ELEMENT);
}

const scratchF32 = new Float32Array(1);
const scratchU32 = new Uint32Array(scratchF32.buffer);

/** IEEE 754 binary16 bits → number. */
export function fromF16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Number → IEEE 754 binary16 bits of the nearest, ties to even; from 65520 on an infinity. */
export function toF16(value: number): number {
  scratchF32[0] = value;
  const bits = scratchU32[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  if (size >= 0x47800000) return sign | 0x7c00;
  if (size < 0x38800000) {
    // Below 2^-14 halves are multiples of 2^-24, which is what floats from 0.5 on are: the addition rounds.
    scratchF32[0] = Math.abs(value) + 0.5;
    return sign | (scratchU32[0]! - 0x3f000000);
  }
  return sign | ((size + 0xfff + ((size >>> 13) & 1) - 0x38000000) >>> 13);
}

/** bfloat16 bits → number: the upper half of a binary32. */
export function fromBF16(bits: number): number {
  scratchU32[0] = bits << 16;
  return scratchF32[0]!;
}

/** The elements as float32; a float32 array is given back as it is. Integers beyond 2^24 round. */
export function toFloat32(dtype: DType, data: TypedArray): Float32Array {
  if (dtype === "f32") return data as Float32Array;
  const out = new Float32Array(data.length);
  if (dtype === "f16") for (let i = 0; i < out.length; i++) out[i] = fromF16(data[i] as number);
  else if (dtype === "bf16") for (let i = 0; i < out.length; i++) out[i] = fromBF16(data[i] as number);
  else for (let i = 0; i < out.length; i++) out[i] = Number(data[i]);
  return out;
}
