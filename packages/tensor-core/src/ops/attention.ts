import { attend, attentionCases, inferAttention, type AttentionAttrs } from "./support/attention.ts";
import { attentionBiasGradientOp } from "./attention-bias-gradient.ts";
import { attentionGradientOp } from "./attention-gradient.ts";
import { symbolicSize } from "../dim.ts";
import { gradientMissing } from "../errors.ts";
import { leadingAxes, sameAxis, type AxisLink } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

/**
 * Scaled dot-product attention (Vaswani et al., "Attention is all you need", 2017, equation 1) with grouped keys and values.
 *
 * query `[b, tq, h, d]`, key and value `[b, tk, hk, d]`, lengths and starts i32 `[b]`; query head i reads key/value head
 * `keyValueHeads[i]`. Key j is valid where j < lengths (default tk) and, when causal, j ≤ starts + i (default 0) for query i.
 * bias `[b or 1, h or 1, tq, tk]` is added to the scaled scores: relative positions, or a mask, since −1e30 or less hides a key.
 * A query that sees no key gives 0, and 0 as its logSumExp `[b, h, tq]`.
 */
export const attentionOp: Op<"attention", "query" | "key" | "value", "lengths" | "starts" | "bias", "y" | "logSumExp", AttentionAttrs> =
  defineOp({
    name: "attention",
    inputs: ["query", "key", "value"],
    optional: ["lengths", "starts", "bias"],
    outputs: ["y", "logSumExp"],
    infer: (inputs, attrs: AttentionAttrs) => {
      const { dtype, rows } = inferAttention("attention", inputs, attrs);
      return { y: { dtype, shape: inputs.query.shape }, logSumExp: { dtype, shape: rows } };
    },
    axes: ({ bias }, _outputs, { keyValueHeads }) => [
      ...leadingAxes("query", "y", 3),
      sameAxis("query", 3, "key", 3),
      sameAxis("value", 3, "y", 3),
      ...(["key", "value"] as const).map((name): AxisLink => ({
        kind: "read",
        reader: ["query", 2],
        source: [name, 2],
        indices: keyValueHeads,
      })),
      ...(bias === undefined || bias.shape[1] === 1 ? [] : [{ kind: "read", reader: ["query", 2], source: ["bias", 1] } as const]),
    ],
    reference: (inputs, attrs) => attend(inputs, attrs),
    gradient: ({ y: grad, logSumExp }, inputs, outputs, attrs) => {
      if (logSumExp !== undefined) throw gradientMissing({ op: "attention", why: "logSumExp is kept for the backward pass alone" });
      if (grad === undefined) return {};
      const { bias } = inputs;
      const found = apply(attentionGradientOp, { ...inputs, ...outputs, grad }, attrs);
      return bias === undefined ? found : { ...found, ...apply(attentionBiasGradientOp, { ...inputs, ...outputs, grad, bias }, attrs) };
    },
    // Scores and sums over keys: every query sees all of them, or, causal, those up to its own place at the end.
    flops: ({ query, key }, { causal }) => {
      const [tokens, keys] = [query.shape[1] as number, key.shape[1] as number];
      const seen = causal ? tokens * (keys - tokens) + (tokens * (tokens + 1)) / 2 : tokens * keys;
      return 4 * ((symbolicSize(query.shape) as number) / tokens) * seen;
    },
    cases: () => attentionCases(),
  });

export interface AttentionOptions extends AttentionAttrs {
  readonly lengths?: Value | undefined;
  readonly starts?: Value | undefined;
  readonly bias?: Value | undefined;
}

/**
 * softmax(scale·q·kᵀ + bias)·v over the valid keys: query `[b, tq, h, d]`, key and value `[b, tk, hk, d]` → `[b, tq, h, d]`; see {@link attentionOp}.
 */
export function attention(query: Value, key: Value, value: Value, { lengths, starts, bias, ...attrs }: AttentionOptions): Value {
  return apply(attentionOp, { query, key, value, lengths, starts, bias }, attrs).y;
}
