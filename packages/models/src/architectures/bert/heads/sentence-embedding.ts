import { add, broadcast, cast, div, greater, mean, mul, reshape, rsqrt, sum, type Value } from "@pare/tensor-core";
import { z } from "zod";
import type { EncoderHead, HeadScope } from "../head.ts";
import { firstToken } from "../parts.ts";

export interface SentenceEmbeddingOptions {
  readonly task: "sentence-embedding";
  /** The mean of the tokens' states, or the first token's state. */
  readonly pooling: "mean" | "first";
  /** true: of length 1. */
  readonly normalise: boolean;
  /** Tokens that a text is cut to; absent: the model's context. */
  readonly maxTokens?: number | undefined;
  readonly [field: string]: unknown;
}

/** Under the root, so that a row of zeros gives zeros and a finite gradient. */
const TINY = 1e-24;

/** One vector per text, `[batch, hidden]` (Reimers and Gurevych 2019, section 3). */
export const sentenceEmbedding: EncoderHead<SentenceEmbeddingOptions> = {
  task: "sentence-embedding",
  options: z.strictObject({
    task: z.literal("sentence-embedding"),
    pooling: z.enum(["mean", "first"]),
    normalise: z.boolean(),
    maxTokens: z.int().min(1).optional(),
  }),
  fresh: () => ({ pooling: "mean", normalise: true }),
  describe: ({ hiddenSize }) => ({ perToken: false, width: hiddenSize }),
  weights: () => [],
  forward: (at, hidden, { pooling, normalise }) => {
    const pooled = pooling === "first" ? firstToken(hidden) : meanOverTokens(at, hidden);
    return at.scope.tracer.site("sentence", normalise ? unitLength(pooled) : pooled);
  },
};

function meanOverTokens({ positions, lengths }: HeadScope, hidden: Value): Value {
  const [batch, seq] = hidden.shape as [Value["shape"][number], Value["shape"][number]];
  if (lengths === undefined) return mean(hidden, [1]);
  const column = reshape(lengths, [batch, 1]);
  const there = greater(broadcast(column, [batch, seq]), positions);
  const total = sum(mul(hidden, reshape(there, [batch, seq, 1])), [1]);
  return div(total, cast(column, "f32"));
}

function unitLength(x: Value): Value {
  return mul(x, rsqrt(add(sum(mul(x, x), [-1], true), TINY)));
}
