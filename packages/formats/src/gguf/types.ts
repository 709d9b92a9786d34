/** Element types of GGUF: name, number in the file, and how many numbers a block of how many bytes holds. */

interface TypeEntry {
  readonly id: number;
  readonly block: number;
  readonly bytes: number;
}

export type GgufType = "f32" | "f16" | "bf16" | "q4_0" | "q8_0";

/** Those that are read and written here. */
export const GGUF_TYPES: Readonly<Record<GgufType, TypeEntry>> = {
  f32: { id: 0, block: 1, bytes: 4 },
  f16: { id: 1, block: 1, bytes: 2 },
  bf16: { id: 30, block: 1, bytes: 2 },
  /** f16 scale, 16 bytes of two 4-bit codes: the low halves are numbers 0–15, the high halves 16–31; x = d · (code − 8). */
  q4_0: { id: 2, block: 32, bytes: 18 },
  /** f16 scale, 32 signed bytes; x = d · code. */
  q8_0: { id: 8, block: 32, bytes: 34 },
};

/** Types of ggml that are known by name alone, for errors. */
const OTHERS: Readonly<Record<number, string>> = {
  3: "q4_1",
  6: "q5_0",
  7: "q5_1",
  9: "q8_1",
  10: "q2_K",
  11: "q3_K",
  12: "q4_K",
  13: "q5_K",
  14: "q6_K",
  15: "q8_K",
  16: "iq2_xxs",
  17: "iq2_xs",
  18: "iq3_xxs",
  19: "iq1_s",
  20: "iq4_nl",
  21: "iq3_s",
  22: "iq2_s",
  23: "iq4_xs",
  24: "i8",
  25: "i16",
  26: "i32",
  27: "i64",
  28: "f64",
  29: "iq1_m",
  34: "tq1_0",
  35: "tq2_0",
  39: "mxfp4",
};

const BY_ID = new Map(Object.entries(GGUF_TYPES).map(([name, { id }]) => [id, name as GgufType]));

/** The type of this number; undefined where it is not read. */
export function ggufTypeOf(id: number): GgufType | undefined {
  return BY_ID.get(id);
}

/** What a type that is not read is called. */
export function ggufTypeName(id: number): string {
  return OTHERS[id] ?? `type ${id}`;
}

/** Bytes of a tensor whose rows hold whole blocks. */
export function ggufBytes(type: GgufType, elements: number): number {
  const { block, bytes } = GGUF_TYPES[type];
  return (elements / block) * bytes;
}

/** Kinds of metadata, by their number in the file; `bytes` is the least that one value takes. */
export const KINDS = [
  { kind: "u8", bytes: 1 },
  { kind: "i8", bytes: 1 },
  { kind: "u16", bytes: 2 },
  { kind: "i16", bytes: 2 },
  { kind: "u32", bytes: 4 },
  { kind: "i32", bytes: 4 },
  { kind: "f32", bytes: 4 },
  { kind: "bool", bytes: 1 },
  { kind: "string", bytes: 8 },
  { kind: "array", bytes: 12 },
  { kind: "u64", bytes: 8 },
  { kind: "i64", bytes: 8 },
  { kind: "f64", bytes: 8 },
] as const;

export type GgufKind = Exclude<(typeof KINDS)[number]["kind"], "array">;
export type GgufScalar = number | bigint | boolean | string;

/** One value of the metadata, as the file has it. */
export type GgufValue =
  | { readonly kind: GgufKind; readonly value: GgufScalar }
  | { readonly kind: "array"; readonly of: GgufKind; readonly values: readonly GgufScalar[] };
