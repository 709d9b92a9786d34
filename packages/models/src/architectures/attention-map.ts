import { add, concat, greater, matmul, mul, reshape, slice, softmax, sub, transpose, type Value } from "@pare/tensor-core";

export interface AttentionMapOptions {
  readonly scale: number;
  readonly causal: boolean;
  /** Key/value head that each query head reads. */
  readonly keyValueHeads: readonly number[];
  /** i32 `[batch]` */
  readonly lengths?: Value | undefined;
  /** i32 `[batch, queries]` and `[batch, keys]`, both counted from 0. */
  readonly positions: { readonly query: Value; readonly key: Value };
  /** Added to the scores before softmax, broadcast to `[batch, heads, queries, keys]`. */
  readonly bias?: Value | undefined;
}

/** Below all scores: after softmax nothing is left. */
const NEVER = -1e30;

/**
 * What the attention op weighs values with, softmax(scale·q·kᵀ) `[batch, heads, queries, keys]`, for those who look: query
 * `[batch, queries, heads, headDim]`, key `[batch, keys, key/value heads, headDim]`.
 */
export function attentionMap(
  query: Value,
  key: Value,
  { scale, causal, keyValueHeads, lengths, positions, bias }: AttentionMapOptions,
): Value {
  const perHead = keyValueHeads.every((head, index) => head === index) ? key : gathered(key, keyValueHeads);
  const products = matmul(transpose(query, [0, 2, 1, 3]), transpose(perHead, [0, 2, 1, 3]), { transposeB: true });
  const [batch, queries] = query.shape as [Value["shape"][number], Value["shape"][number]];
  const keys = key.shape[1]!;
  let scores = mul(products, scale);
  if (bias !== undefined) scores = add(scores, bias);
  const keyAt = reshape(positions.key, [batch, 1, 1, keys]);
  if (lengths !== undefined) scores = masked(scores, greater(reshape(lengths, [batch, 1, 1, 1]), keyAt));
  if (causal) scores = masked(scores, greater(add(reshape(positions.query, [batch, 1, queries, 1]), 1), keyAt));
  return softmax(scores);
}

function masked(scores: Value, seen: Value): Value {
  return add(scores, mul(sub(1, seen), NEVER));
}

function gathered(key: Value, heads: readonly number[]): Value {
  const [batch, keys, , headDim] = key.shape;
  return concat(
    heads.map((head) => slice(key, [0, 0, head, 0], [batch!, keys!, head + 1, headDim!])),
    2,
  );
}
