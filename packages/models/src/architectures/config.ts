/** What the configs of this package share. */
import { z } from "zod";
import type { RawConfig } from "../architecture.ts";
import type { ModelConfig } from "../checkpoint.ts";
import { configInvalid } from "../errors.ts";

export interface TransformerLayer {
  /** Key/value head that each query head reads. Empty: no attention in this layer. */
  readonly keyValueHeads: readonly number[];
  /** Feed-forward neurons. 0: no feed-forward part. */
  readonly feedForward: number;
}

/** What the shared blocks ask of a config. */
export interface BlockConfig extends ModelConfig {
  /** Tokens of a sequence at most. */
  readonly contextLength: number;
  readonly hiddenSize: number;
  readonly headDim: number;
  readonly epsilon: number;
  /** Width of the token embedding where it is projected to the hidden size; absent: it has the hidden size. */
  readonly embeddingSize?: number | undefined;
  /** True: the logits come from the embedding; false: from a matrix of their own. */
  readonly tied: boolean;
  /** config.json of the transformers folder that the model was read from: fields that mean nothing to Pare go back with it. */
  readonly huggingface?: RawConfig | undefined;
}

export interface TransformerConfig extends BlockConfig {
  readonly ropeBase: number;
  /** Which two numbers of a head turn together: neighbours (llama2.c), or those half a head apart (Hugging Face). */
  readonly ropePairing: "adjacent" | "half";
}

/** Sizes of a config whose layers are all alike. */
export interface TransformerShape {
  readonly vocabularySize: number;
  readonly contextLength: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly feedForward: number;
  /** Default true. */
  readonly tied?: boolean | undefined;
}

/** A fresh config's own fields: heads as wide as they fit the hidden size, ε 1e-5, rotary pairs half a head apart. */
export function freshFields(
  { vocabularySize, contextLength, hiddenSize, heads, tied = true }: TransformerShape,
  ropeBase: number,
): Omit<TransformerConfig, "architecture"> {
  return {
    vocabularySize,
    contextLength,
    hiddenSize,
    headDim: hiddenSize / heads,
    epsilon: 1e-5,
    ropeBase,
    ropePairing: "half",
    tied,
  };
}

/** A size that can be: 1 … 2^31. */
const size: z.ZodType<number> = z
  .int()
  .min(1)
  .max(2 ** 31);

/** Key/value head that each query head reads, in order and without gaps: 0 0 1 1 2. None at all: the layer has no attention. */
export const keyValueHeads: z.ZodType<readonly number[]> = z
  .array(z.int().min(0))
  .max(2 ** 16)
  .refine(
    (heads) => heads.every((head, index) => head === (heads[index - 1] ?? 0) || (index > 0 && head === heads[index - 1]! + 1)),
    "key/value heads in order and without gaps, from 0 on",
  );

/** Named fields alone: a config may hold others. */
type Named<Config> = keyof { [Name in keyof Config as string extends Name ? never : Name]: Config[Name] } & keyof Config;
type Fields<Config> = { readonly [Name in Exclude<Named<Config>, "architecture">]: z.ZodType<Config[Name]> };

/** Schemas of the fields of {@link BlockConfig}. */
export const blockFields: Fields<BlockConfig> = {
  vocabularySize: size,
  contextLength: size,
  hiddenSize: size,
  headDim: z
    .int()
    .min(1)
    .max(2 ** 16),
  epsilon: z.number().positive().max(1),
  embeddingSize: size.optional(),
  tied: z.boolean(),
  huggingface: z.record(z.string(), z.unknown()).optional(),
};

/** Schemas of the fields of {@link TransformerConfig}. */
export const configFields: Fields<TransformerConfig> = {
  ...blockFields,
  headDim: z
    .int()
    .min(2)
    .max(2 ** 16)
    .multipleOf(2),
  ropeBase: z.number().min(1),
  ropePairing: z.enum(["adjacent", "half"]),
};

/** Schemas of the fields of {@link TransformerLayer}. */
export const layerFields: { readonly keyValueHeads: z.ZodType<readonly number[]>; readonly feedForward: z.ZodType<number> } = {
  keyValueHeads,
  feedForward: z
    .int()
    .min(0)
    .max(2 ** 31),
};

/** Throws `models/config-invalid` naming the first field that is wrong. */
export function parseConfig<Config>(schema: z.ZodType<Config>, raw: unknown, file: string): Config {
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const found = issue.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], raw);
  throw configInvalid({
    file,
    field: issue.path.join(".") || "config",
    expected: issue.message,
    found: (JSON.stringify(found) ?? "nothing").slice(0, 80),
  });
}

/** Key/value heads of a layer: one more than the largest index. */
export function countHeads(heads: readonly number[]): number {
  return heads.reduce((count, head) => Math.max(count, head + 1), 0);
}

/** `heads` query heads that share `keyValue` key/value heads evenly. */
export function evenHeads(heads: number, keyValue: number): number[] {
  return Array.from({ length: heads }, (_, head) => Math.floor((head * keyValue) / heads));
}

/** The mapping after keeping these query heads: key/value heads that nobody reads any more go, the rest close up. */
export function keepHeads(heads: readonly number[], kept: readonly number[] | undefined): readonly number[] {
  if (kept === undefined) return heads;
  const read = kept.map((head) => heads[head]!);
  const order = [...new Set(read)];
  return read.map((head) => order.indexOf(head));
}
