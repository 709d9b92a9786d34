/** Elements of any dtype as the 32-bit floats that textures hold, and back. */
import { viewArray, type DType } from "@pare/tensor-core";
import { integerInexact } from "./errors.ts";

/** Whole numbers up to here are floats of their own. */
const EXACT = 2 ** 24;

/** At least one element, since no texture is empty. Throws `backend-gpujs/integer-inexact` unless integers may be rounded. */
export function toElements(dtype: DType, bytes: Uint8Array, rounded: boolean): Float32Array {
  if (bytes.length === 0) return new Float32Array(1);
  const data = viewArray(dtype, bytes);
  if (dtype === "f32") return data as Float32Array;
  if (dtype === "i32" && !rounded) for (const value of data as Int32Array) refuseInexact(value);
  return Float32Array.from(data as Int32Array | Uint8Array);
}

/** Throws `backend-gpujs/integer-inexact`. */
export function fromElements(dtype: DType, elements: Float32Array, size: number): Uint8Array {
  const found = elements.length === size ? elements : elements.subarray(0, size);
  if (dtype === "f32") return new Uint8Array(found.buffer, found.byteOffset, found.byteLength);
  if (dtype === "u8") return Uint8Array.from(found);
  for (const value of found) refuseInexact(value);
  return new Uint8Array(Int32Array.from(found).buffer);
}

function refuseInexact(value: number): void {
  if (!(Math.abs(value) <= EXACT)) throw integerInexact({ value });
}
