import { attend, attentionCases, inferAttention, type AttentionAttrs } from "./support/attention.ts";
import { attentionGradientOp } from "./attention-gradient.ts";
import { gradientMissing } from "../errors.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

/**
 * Scaled dot-product attention (Vaswani et al., "Attention is all you need", 2017, equation 1) with grouped keys and values.
 *
 * query `[b, tq, h, d]`, key and value `[b, tk, hk, d]`, lengths and starts i32 `[b]`; query head i reads key/value head
 * `keyValueHeads[i]`. Key j is valid where j < lengths (default tk) and, when causal, j ≤ starts + i (default 0) for query i.
 * A query without any valid key gives 0, and 0 as its logSumExp `[b, h, tq]`.
 */
export const attentionOp: Op<"attention", "query" | "key" | "value", "lengths" | "starts", "y" | "logSumExp", AttentionAttrs> = defineOp({
  name: "attention",
  inputs: ["query", "key", "value"],
  optional: ["lengths", "starts"],
  outputs: ["y", "logSumExp"],
  infer: (inputs, attrs: AttentionAttrs) => {
    const { dtype, rows } = inferAttention("attention", inputs, attrs);
    return { y: { dtype, shape: inputs.query.shape }, logSumExp: { dtype, shape: rows } };
  },
  reference: (inputs, attrs) => attend(inputs, attrs),
  gradient: ({ y: grad, logSumExp }, { query, key, value, lengths, starts }, outputs, attrs) => {
    if (logSumExp !== undefined) throw gradientMissing({ op: "attention", why: "logSumExp is kept for the backward pass alone" });
    return grad === undefined ? {} : apply(attentionGradientOp, { grad, query, key, value, ...outputs, lengths, starts }, attrs);
  },
  cases: () => attentionCases(),
});

export interface AttentionOptions extends AttentionAttrs {
  readonly lengths?: Value | undefined;
  readonly starts?: Value | undefined;
}

/**
 * softmax(scale·q·kᵀ)·v over the valid keys: query `[b, tq, h, d]`, key and value `[b, tk, hk, d]` → `[b, tq, h, d]`; see {@link attentionOp}.
 */
export function attention(query: Value, key: Value, value: Value, { lengths, starts, ...attrs }: AttentionOptions): Value {
  return apply(attentionOp, { query, key, value, lengths, starts }, attrs).y;
}
