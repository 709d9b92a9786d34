/** Weights as the bytes of a GGUF tensor: kept as they are where its types can say it, rounded where that was asked for. */
import { BLOCK, BLOCK_TYPES, GGUF_FILE, blocksOf, roundToBlocks, type GgufOutput, type GgufType, type QuantizedType } from "@pare/formats";
import { floatRows, fromF16, toF16, type AffineParts, type StoredWeight, type TypedArray } from "@pare/tensor-core";
import { valueTooLarge } from "../errors.ts";
import type { ExportChange } from "../export/exporter.ts";
import { affineOfWeight } from "../weight-rows.ts";

/** "keep": each weight in the form it has, where GGUF has that form, and else as f32. */
export type GgufTypeWish = "keep" | "f32" | "f16" | QuantizedType;

/** One weight's part of a tensor. */
export interface GgufPart {
  readonly name: string;
  readonly weight: StoredWeight;
  /** Norms and biases are f32 in every file. */
  readonly vector: boolean;
}

/** A tensor's type, and what that changes of its weights. */
export interface GgufPlan {
  readonly type: GgufType;
  readonly changes: readonly ExportChange[];
}

/** Chooses the type of the tensor in which these weights lie one under the other. Reads the scales of quantized weights, no more. */
export async function planTensor(parts: readonly GgufPart[], wish: GgufTypeWish): Promise<GgufPlan> {
  const forms = await Promise.all(parts.map(formOf));
  const type = typeFor(parts, forms, wish);
  const changes = parts.flatMap(({ name, weight }, index): ExportChange[] => {
    const { form, exactScales } = forms[index]!;
    const exact = type === form ? exactScales : type === "f32" && weight.parts["values"]?.dtype !== "f64";
    if (type === form && exactScales) return [];
    return [{ weight: name, from: weight.storage, to: type, exact, why: reason(parts, wish, type, form) }];
  });
  return { type, changes };
}

interface Form {
  /** The type that says this weight number by number (but for its scales), if there is one. */
  readonly form: GgufType | undefined;
  /** Every scale is an f16. */
  readonly exactScales: boolean;
}

async function formOf({ weight }: GgufPart): Promise<Form> {
  if (weight.storage === "dense") {
    const { dtype } = weight.parts["values"]!;
    return { form: dtype === "f32" || dtype === "f16" || dtype === "bf16" ? dtype : undefined, exactScales: true };
  }
  const affine = affineOfWeight(weight);
  const form = affine && blockTypeOf(affine);
  if (affine === undefined || form === undefined) return { form: undefined, exactScales: true };
  const scales = (await affine.scales.read()).data as Float32Array;
  return { form, exactScales: scales.every((scale) => fromF16(toF16(scale)) === scale) };
}

/** The block type whose codes these are: symmetric, each block of 32 under one scale. */
function blockTypeOf({ shape, bits, groupSize, zeroPoints }: AffineParts): QuantizedType | undefined {
  const columns = shape[1]!;
  if (zeroPoints !== undefined || columns % BLOCK !== 0 || (groupSize < columns && groupSize % BLOCK !== 0)) return undefined;
  return (Object.keys(BLOCK_TYPES) as QuantizedType[]).find((type) => BLOCK_TYPES[type].bits === bits);
}

function typeFor(parts: readonly GgufPart[], forms: readonly Form[], wish: GgufTypeWish): GgufType {
  if (parts.some(({ vector }) => vector)) return "f32";
  if (wish === "keep") {
    const [first] = forms;
    return first?.form !== undefined && forms.every(({ form, exactScales }) => form === first.form && exactScales) ? first.form : "f32";
  }
  if (wish === "f32" || wish === "f16") return wish;
  return parts.every(({ weight }) => weight.shape.length === 2 && weight.shape[1]! % BLOCK === 0) ? wish : "f16";
}

function reason(parts: readonly GgufPart[], wish: GgufTypeWish, type: GgufType, form: GgufType | undefined): string {
  if (parts.some(({ vector }) => vector)) return "vectors are f32 in every GGUF file";
  if (wish === type) return type === form ? "its scales become f16" : "it was asked for";
  if (wish !== "keep") return `rows of ${parts[0]!.weight.shape.at(-1)} are no whole blocks of ${BLOCK}`;
  if (form === undefined) return "GGUF has no such form";
  return "its scales are no f16, which a block's scale is; ask for the type to have them rounded";
}

/** The tensor, its bytes made one weight at a time. */
export function encodeTensor(name: string, type: GgufType, shape: readonly number[], parts: readonly GgufPart[]): GgufOutput {
  return {
    name,
    type,
    shape,
    bytes: async function* () {
      for (const part of parts) yield* encode(part, type);
    },
  };
}

async function* encode({ name, weight }: GgufPart, type: GgufType): AsyncGenerator<Uint8Array> {
  const values = weight.storage === "dense" ? weight.parts["values"] : undefined;
  if (values !== undefined && values.dtype === type) return yield bytesOf((await values.read()).data);
  const affine = affineOfWeight(weight);
  if (affine !== undefined && blockTypeOf(affine) === type) return yield await encodeCodes(name, affine, type);
  for (const { values: rows } of floatRows(await (values?.read() ?? weight.dense()))) yield encodeFloats(name, rows, type);
}

function encodeFloats(name: string, data: Float32Array, type: GgufType): Uint8Array {
  if (type === "f32") return bytesOf(data);
  if (type === "f16") return bytesOf(halves(name, data));
  if (type === "bf16") throw new Error(`no weight is rounded to ${type}`);
  checkBlockScales(name, data, type);
  return roundToBlocks(type, data);
}

async function encodeCodes(name: string, { shape, groupSize, codes, scales }: AffineParts, type: QuantizedType): Promise<Uint8Array> {
  const [rows, columns] = shape as [number, number];
  const given = halves(name, (await scales.read()).data as Float32Array);
  const blocks = columns / BLOCK;
  const groups = Math.ceil(columns / groupSize);
  const perTensor = given.length === 1;
  const spread = Uint16Array.from({ length: rows * blocks }, (_, index) => {
    const [row, block] = [Math.floor(index / blocks), index % blocks];
    return given[perTensor ? 0 : row * groups + Math.floor((block * BLOCK) / groupSize)]!;
  });
  const packed = (await codes.read()).data as Uint8Array;
  return blocksOf(type, packed, spread);
}

function halves(name: string, data: Float32Array): Uint16Array {
  const out = new Uint16Array(data.length);
  for (let i = 0; i < data.length; i++) {
    out[i] = toF16(data[i]!);
    if ((out[i]! & 0x7fff) === 0x7c00) throw tooLarge(name, data[i]!);
  }
  return out;
}

/** A block's scale is an f16 too. */
function checkBlockScales(name: string, data: Float32Array, type: QuantizedType): void {
  const limit = (type === "q8_0" ? 127 : 8) * 65_504;
  const large = data.find((value) => Math.abs(value) > limit);
  if (large !== undefined) throw tooLarge(name, large);
}

function tooLarge(name: string, value: number): Error {
  return valueTooLarge({ file: GGUF_FILE, field: name, expected: "numbers that f16 can hold, up to 65504", found: `${value}` });
}

function bytesOf(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
