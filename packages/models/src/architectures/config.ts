import { z } from "zod";
import { configInvalid } from "../errors.ts";

/** A size that can be: 1 … 2^31. */
export const size: z.ZodType<number> = z
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

/** Fields that every architecture of this package has. */
export const common: {
  readonly vocabularySize: z.ZodType<number>;
  readonly contextLength: z.ZodType<number>;
  readonly hiddenSize: z.ZodType<number>;
  readonly headDim: z.ZodType<number>;
  readonly epsilon: z.ZodType<number>;
  readonly ropeBase: z.ZodType<number>;
  readonly ropePairing: z.ZodType<"adjacent" | "half">;
  readonly tied: z.ZodType<boolean>;
} = {
  vocabularySize: size,
  contextLength: size,
  hiddenSize: size,
  headDim: z
    .int()
    .min(2)
    .max(2 ** 16)
    .multipleOf(2),
  epsilon: z.number().positive().max(1),
  ropeBase: z.number().min(1),
  ropePairing: z.enum(["adjacent", "half"]),
  tied: z.boolean(),
};

/** Feed-forward neurons; 0: the layer has no feed-forward part. */
export const feedForward: z.ZodType<number> = z
  .int()
  .min(0)
  .max(2 ** 31);

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
