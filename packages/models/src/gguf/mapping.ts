/** How an architecture is said in GGUF: what it gives under `exports.gguf`, and what it makes of a file under `imports.gguf`. */
import { isPlainObject } from "@pare/core";
import type { GgufFile, GgufTensor, GgufValue } from "@pare/formats";
import { affineWeight, denseWeight, type StoredWeight } from "@pare/tensor-core";
import { finiteSource } from "../folder/finite.ts";

/** One tensor of the file. */
export interface GgufSlot {
  readonly name: string;
  /** Weights whose rows follow one another in it. */
  readonly weights: readonly string[];
  /** Takes row `order[i]` of the weight as row i. */
  readonly order?: readonly number[] | undefined;
}

/** A model in GGUF's own words. */
export interface GgufLayout {
  /** "llama": its runtime's name, and the prefix of its keys. */
  readonly architecture: string;
  /** Without the prefix. */
  readonly fields: Readonly<Record<string, GgufValue>>;
  readonly slots: readonly GgufSlot[];
}

export function u32(value: number): GgufValue {
  return { kind: "u32", value };
}

export function float(value: number): GgufValue {
  return { kind: "f32", value };
}

export function text(value: string): GgufValue {
  return { kind: "string", value };
}

/**
 * Rows of heads whose rotary pairs lie half a head apart, put so that pairs are neighbours: row 2i + j of a head is its old row
 * j · headDim / 2 + i.
 */
export function adjacentPairs(heads: number, headDim: number): number[] {
  return Array.from({ length: heads * headDim }, (_, row) => {
    const [head, place] = [Math.floor(row / headDim), row % headDim];
    return head * headDim + (place % 2) * (headDim / 2) + Math.floor(place / 2);
  });
}

/** The other way: row j · headDim / 2 + i of a head is its old row 2i + j. */
export function halfPairs(heads: number, headDim: number): number[] {
  const order = adjacentPairs(heads, headDim);
  const inverse = Array<number>(order.length);
  for (const [row, from] of order.entries()) inverse[from] = row;
  return inverse;
}

/** Whether a format's content is a GGUF file of this architecture. */
export function isGgufOf(content: unknown, architecture: string): content is GgufFile {
  if (!isPlainObject(content)) return false;
  const value = (content as unknown as GgufFile).metadata.get("general.architecture");
  return value?.kind === "string" && value.value === architecture;
}

/** A tensor as the weight it is: floats dense in their own type, quantized matrices as affine codes of the same numbers. */
export function ggufWeight({ name, dense, affine }: GgufTensor, file: string): StoredWeight {
  if (affine === undefined) return denseWeight(finiteSource(dense!, file, name));
  return affineWeight({ ...affine, scales: finiteSource(affine.scales, file, name) });
}
