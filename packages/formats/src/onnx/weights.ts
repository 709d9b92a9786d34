/** Weights of the checkpoint as ONNX initializers, each read when it is written. */
import { byteSize, sizeOf, type HostTensor, type StoredWeight, type TensorSource, type TypedArray } from "@pare/tensor-core";
import { signedCodes } from "../eight-bits.ts";
import { onnxValueRange } from "../errors.ts";
import type { OnnxBuilder, OnnxValue } from "./builder.ts";
import { F16_MAX, floatBytes, tensorOf } from "./types.ts";

/** `[rows, columns]` → `[columns, rows]`, in tiles that stay in cache. */
export function transposed<Data extends TypedArray>(data: Data, rows: number, columns: number): Data {
  const out = new (data.constructor as new (length: number) => Data)(data.length);
  const tile = 32;
  for (let top = 0; top < rows; top += tile) {
    for (let left = 0; left < columns; left += tile) {
      for (let row = top; row < Math.min(rows, top + tile); row++) {
        for (let column = left; column < Math.min(columns, left + tile); column++) out[column * rows + row] = data[row * columns + column]!;
      }
    }
  }
  return out;
}

/** A source that makes what it holds when it is read. */
function made(dtype: TensorSource["dtype"], shape: readonly number[], make: () => Promise<TypedArray>): TensorSource {
  return {
    dtype,
    shape,
    bytes: byteSize(dtype) * sizeOf(shape),
    read: async () => ({ dtype, shape, data: await make() }),
  };
}

/** Says so where a weight is written as plain numbers of another type or although it is stored otherwise. */
function noteDense(builder: OnnxBuilder, weight: string, { storage, parts }: StoredWeight): void {
  const { float } = builder;
  if (storage !== "dense") builder.note({ weight, to: float, exact: float === "f32", why: "this flavour holds plain numbers" });
  else if (float === "f16" && parts["values"]?.dtype !== "f16")
    builder.note({ weight, to: "f16", exact: false, why: "the flavour asked for" });
}

function noteRounded(builder: OnnxBuilder, weight: string, { storage }: StoredWeight, to: string): void {
  const why = storage === "dense" ? "the flavour asked for" : "this flavour has no form for its storage, so that it was rounded again";
  builder.note({ weight, to, exact: false, why });
}

/** Floats of the model's type; f16 refuses what it cannot hold. */
function floatsOf(builder: OnnxBuilder, weight: string, data: Float32Array): TypedArray {
  if (builder.float === "f32") return data;
  const index = data.findIndex((value) => Math.abs(value) > F16_MAX);
  if (index >= 0) throw onnxValueRange({ field: weight, expected: `magnitudes up to ${F16_MAX}, as f16 holds`, found: `${data[index]}` });
  return tensorOf("f16", [data.length], floatBytes(data, "f16")).data;
}

/** The weight as it lies, as floats of the model's type. */
export function denseInitializer(builder: OnnxBuilder, weight: string, stored: StoredWeight): OnnxValue {
  noteDense(builder, weight, stored);
  const make = async (): Promise<TypedArray> => floatsOf(builder, weight, (await stored.dense()).data as Float32Array);
  return builder.initializer(builder.nameOf(weight), made(builder.float, stored.shape, make));
}

/** A matrix `[out, in]` as MatMul reads it, `[in, out]`. */
export function denseTransposed(builder: OnnxBuilder, weight: string, stored: StoredWeight): OnnxValue {
  noteDense(builder, weight, stored);
  const [out, features] = stored.shape as [number, number];
  const make = async (): Promise<TypedArray> =>
    floatsOf(builder, weight, transposed((await stored.dense()).data as Float32Array, out, features));
  return builder.initializer(builder.nameOf(weight), made(builder.float, [features, out], make));
}

/** Codes, scales and zero points of an affine weight as it is stored. */
export interface AffineView {
  readonly bits: number;
  readonly groupSize: number;
  readonly codes: TensorSource;
  readonly scales: TensorSource;
  readonly zeroPoints: TensorSource | undefined;
}

/** The affine parts of a weight; undefined where its storage is another. */
export function affineView({ storage, descriptor, parts }: StoredWeight): AffineView | undefined {
  if (storage !== "affine") return undefined;
  const { bits, groupSize } = descriptor as { bits: number; groupSize: number };
  return { bits, groupSize, codes: parts["codes"]!, scales: parts["scales"]!, zeroPoints: parts["zeroPoints"] };
}

/** What {@link shareReads} gives its readers. */
type Parts = Readonly<Record<string, TypedArray>>;

/** Makes parts once for the readers that follow each other, and lets go of them after the last. */
function shareReads(make: () => Promise<Parts>, readers: number): (part: string) => () => Promise<TypedArray> {
  let current: Promise<Parts> | undefined;
  let left = 0;
  return (part) => async () => {
    if (current === undefined) {
      current = make();
      left = readers;
    }
    const parts = await current;
    if (--left === 0) current = undefined;
    return parts[part]!;
  };
}

/** Initializers of an 8-bit matrix `[in, out]` with a scale and a zero point per output. */
export interface Int8Weight {
  readonly codes: OnnxValue;
  /** f32 `[out]` */
  readonly scales: OnnxValue;
  /** Of the codes' type, `[out]` */
  readonly zeroPoints: OnnxValue;
}

/** An affine weight that 8 bits per output say exactly: 8 bits, one scale for a row or for all. */
export function isInt8Exact(stored: StoredWeight): boolean {
  const affine = affineView(stored);
  return affine !== undefined && affine.bits === 8 && affine.groupSize === stored.shape[1];
}

/**
 * A matrix `[out, in]` as 8 bits per output: its own codes where it has such, rounded to nearest otherwise.
 *
 * Runtimes on x86 without VNNI add uint8·int8 products of two neighbouring inputs in 16 bits that saturate. Scales of int8 codes made here
 * are chosen so that such a pair never passes 128 together, and 255·128 fits; uint8 codes have the whole range, and slower kernels there.
 */
export function int8Initializers(builder: OnnxBuilder, weight: string, stored: StoredWeight, type: "i8" | "u8"): Int8Weight {
  const [out, features] = stored.shape as [number, number];
  const exact = isInt8Exact(stored);
  if (!exact) noteRounded(builder, weight, stored, `${type === "i8" ? "int8" : "uint8"} per output`);
  const part = shareReads(async () => inType(await (exact ? ownCodes(stored) : roundedCodes(stored, type)), type), 3);
  const name = builder.nameOf(weight);
  return {
    codes: builder.initializer(`${name}_quantized`, made(type, [features, out], part("codes"))),
    scales: builder.initializer(`${name}_scale`, made("f32", [out], part("scales"))),
    zeroPoints: builder.initializer(`${name}_zero_point`, made(type, [out], part("zeroPoints"))),
  };
}

/** Codes `[in, out]` and zero points, both u8, as the type asked for: 128 less where that is i8. */
function inType({ codes, scales, zeroPoints }: Parts, type: "i8" | "u8"): Parts {
  if (type === "u8") return { codes: codes!, scales: scales!, zeroPoints: zeroPoints! };
  return { codes: signedCodes(codes as Uint8Array), scales: scales!, zeroPoints: signedCodes(zeroPoints as Uint8Array) };
}

async function ownCodes(stored: StoredWeight): Promise<Parts> {
  const [out, features] = stored.shape as [number, number];
  const { codes, scales, zeroPoints } = affineView(stored)!;
  return {
    codes: transposed((await codes.read()).data as Uint8Array, out, features),
    scales: perRow(await scales.read(), out),
    zeroPoints: zeroPoints === undefined ? new Uint8Array(out).fill(128) : perRow(await zeroPoints.read(), out),
  };
}

/** One number for all rows, or one for each, as one for each. */
function perRow({ data }: HostTensor, rows: number): TypedArray {
  if (data.length === rows) return data;
  return new (data.constructor as new (length: number) => Float32Array)(rows).fill(Number(data[0]));
}

async function roundedCodes(stored: StoredWeight, type: "i8" | "u8"): Promise<Parts> {
  const [out, features] = stored.shape as [number, number];
  const data = (await stored.dense()).data as Float32Array;
  const codes = new Uint8Array(data.length);
  const scales = new Float32Array(out);
  const together = type === "i8" ? 2 : 1;
  for (let row = 0; row < out; row++) {
    const begin = row * features;
    let largest = 0;
    for (let column = 0; column < features; column += together) {
      const beside = together === 2 && column + 1 < features ? Math.abs(data[begin + column + 1]!) : 0;
      largest = Math.max(largest, Math.abs(data[begin + column]!) + beside);
    }
    const scale = Math.fround(largest === 0 ? 1 : largest / 127);
    scales[row] = scale;
    for (let column = 0; column < features; column++) {
      codes[column * out + row] = 128 + Math.max(-127, Math.min(127, Math.round(data[begin + column]! / scale)));
    }
  }
  return { codes, scales, zeroPoints: new Uint8Array(out).fill(128) };
}

/** Initializers of com.microsoft's block-wise 4-bit weights. */
export interface Int4Weight {
  /** u8 `[out, blocks, blockSize / 2]`, even columns in low halves */
  readonly codes: OnnxValue;
  /** f32 `[out · blocks]` */
  readonly scales: OnnxValue;
  /** u8 `[out · ceil(blocks / 2)]`; undefined: 8 everywhere */
  readonly zeroPoints: OnnxValue | undefined;
  readonly blockSize: number;
}

/** Columns that share a scale in weights that are rounded on the way. */
export const INT4_BLOCK = 32;

/** An affine weight that 4-bit blocks say exactly: 4 bits, groups of a power of two from 16 on. */
export function isInt4Exact(stored: StoredWeight): boolean {
  const affine = affineView(stored);
  return affine !== undefined && affine.bits === 4 && affine.groupSize >= 16 && Number.isInteger(Math.log2(affine.groupSize));
}

/** A matrix `[out, in]` in 4-bit blocks along `in`: its own codes where it has such, rounded (scale = signed largest / −8) otherwise. */
export function int4Initializers(builder: OnnxBuilder, weight: string, stored: StoredWeight): Int4Weight {
  const [out, features] = stored.shape as [number, number];
  const own = isInt4Exact(stored) ? affineView(stored) : undefined;
  if (own === undefined) noteRounded(builder, weight, stored, `int4 in blocks of ${INT4_BLOCK}`);
  const blockSize = own?.groupSize ?? INT4_BLOCK;
  const blocks = Math.ceil(features / blockSize);
  const zeros = own?.zeroPoints !== undefined;
  const part = shareReads(() => (own === undefined ? roundInt4(stored) : ownInt4(stored, own, blocks)), zeros ? 3 : 2);
  const name = builder.nameOf(weight);
  return {
    codes: builder.initializer(`${name}_Q4`, made("u8", [out, blocks, blockSize / 2], part("codes"))),
    scales: builder.initializer(`${name}_scales`, made("f32", [out * blocks], part("scales"))),
    zeroPoints: zeros
      ? builder.initializer(`${name}_zero_points`, made("u8", [out * Math.ceil(blocks / 2)], part("zeroPoints")))
      : undefined,
    blockSize,
  };
}

async function ownInt4(stored: StoredWeight, { groupSize, codes, scales, zeroPoints }: AffineView, blocks: number): Promise<Parts> {
  const [out, features] = stored.shape as [number, number];
  const packed = (await codes.read()).data as Uint8Array;
  const width = Math.ceil(features / 2);
  const padded = new Uint8Array((out * blocks * groupSize) / 2);
  for (let row = 0; row < out; row++) padded.set(packed.subarray(row * width, (row + 1) * width), (row * blocks * groupSize) / 2);
  const zero = (await zeroPoints?.read())?.data as Uint8Array | undefined;
  const pairs = Math.ceil(blocks / 2);
  const packedZero = new Uint8Array(zero === undefined ? 0 : out * pairs);
  zero?.forEach((value, at) => {
    const block = at % blocks;
    packedZero[Math.floor(at / blocks) * pairs + (block >> 1)]! |= value << (4 * (block & 1));
  });
  return { codes: padded, scales: (await scales.read()).data, zeroPoints: packedZero };
}

async function roundInt4(stored: StoredWeight): Promise<Parts> {
  const [out, features] = stored.shape as [number, number];
  const data = (await stored.dense()).data as Float32Array;
  const blocks = Math.ceil(features / INT4_BLOCK);
  const codes = new Uint8Array((out * blocks * INT4_BLOCK) / 2);
  const scales = new Float32Array(out * blocks);
  for (let row = 0; row < out; row++) {
    for (let block = 0; block < blocks; block++) {
      const from = row * features + block * INT4_BLOCK;
      const to = Math.min(from + INT4_BLOCK, (row + 1) * features);
      let largest = 0;
      for (let at = from; at < to; at++) if (Math.abs(data[at]!) > Math.abs(largest)) largest = data[at]!;
      const scale = largest / -8;
      scales[row * blocks + block] = scale;
      const start = ((row * blocks + block) * INT4_BLOCK) / 2;
      for (let at = from; at < to; at++) {
        const code = scale === 0 ? 8 : Math.max(0, Math.min(15, Math.round(data[at]! / scale) + 8));
        codes[start + ((at - from) >> 1)]! |= code << (4 * ((at - from) & 1));
      }
    }
  }
  return { codes, scales, zeroPoints: new Uint8Array(0) };
}

/** Rows of 8-bit codes with a scale per row, u8 as they are stored. */
export interface Int8Rows {
  readonly codes: OnnxValue;
  readonly scales: OnnxValue;
  readonly zeroPoints: OnnxValue | undefined;
}

/** A look-up table whose own codes a look-up reads; only for {@link isInt8Exact} weights. */
export function int8Rows(builder: OnnxBuilder, weight: string, stored: StoredWeight): Int8Rows {
  const [out, features] = stored.shape as [number, number];
  const { codes, scales, zeroPoints } = affineView(stored)!;
  const name = builder.nameOf(weight);
  return {
    codes: builder.initializer(
      `${name}_codes`,
      made("u8", [out, features], async () => (await codes.read()).data),
    ),
    scales: builder.initializer(
      `${name}_row_scale`,
      made("f32", [out, 1], async () => perRow(await scales.read(), out)),
    ),
    zeroPoints:
      zeroPoints &&
      builder.initializer(
        `${name}_row_zero_point`,
        made("u8", [out, 1], async () => perRow(await zeroPoints.read(), out)),
      ),
  };
}
