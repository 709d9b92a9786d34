import { dot, lookAt, type AttentionAttrs } from "./support/attention.ts";
import { attentionGradientCases, inferAttentionGradient } from "./support/attention-gradient.ts";
import { dataOf, make } from "./support/host.ts";
import { defineOp, type Op } from "../op.ts";

type Inputs = "grad" | "query" | "key" | "value" | "y" | "logSumExp";

/**
 * Gradient of attention from its output and row-wise logSumExp (Dao et al., "FlashAttention", 2022, appendix B.2):
 * with scores that have their bias, p = e^(score − logSumExp) and dp = grad·value, ds = p·(dp − grad·y); dvalue = Σ p·grad, dquery = scale·Σ ds·key, dkey = scale·Σ ds·query.
 */
export const attentionGradientOp: Op<
  "attention-gradient",
  Inputs,
  "lengths" | "starts" | "bias",
  "query" | "key" | "value",
  AttentionAttrs
> = defineOp({
  name: "attention-gradient",
  inputs: ["grad", "query", "key", "value", "y", "logSumExp"],
  optional: ["lengths", "starts", "bias"],
  outputs: ["query", "key", "value"],
  infer: (inputs, attrs: AttentionAttrs) => {
    const { query, key, value } = inputs;
    const dtype = inferAttentionGradient("attention-gradient", inputs, attrs);
    return { query: { dtype, shape: query.shape }, key: { dtype, shape: key.shape }, value: { dtype, shape: value.shape } };
  },
  reference: (inputs, attrs) => {
    const { query, key, value } = inputs;
    const [grads, ys, sums] = [dataOf(inputs.grad), dataOf(inputs.y), dataOf(inputs.logSumExp)];
    const [queries, keys, values] = [dataOf(query), dataOf(key), dataOf(value)];
    const [toQuery, toKey, toValue] = [queries, keys, values].map(({ length }) => new Float64Array(length)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const width = query.shape[3]!;
    for (const { row, queryAt, scores, keyAt } of lookAt(inputs, attrs)) {
      const along = dot(grads, queryAt, ys, queryAt, width);
      scores.forEach((score, j) => {
        const at = keyAt(j);
        const p = Math.exp(score - sums[row]!);
        const ds = attrs.scale * p * (dot(grads, queryAt, values, at, width) - along);
        for (let i = 0; i < width; i++) {
          toValue[at + i]! += p * grads[queryAt + i]!;
          toQuery[queryAt + i]! += ds * keys[at + i]!;
          toKey[at + i]! += ds * queries[queryAt + i]!;
        }
      });
    }
    const outputs = { query: make(query.dtype, query.shape), key: make(key.dtype, key.shape), value: make(value.dtype, value.shape) };
    outputs.query.data.set(toQuery);
    outputs.key.data.set(toKey);
    outputs.value.data.set(toValue);
    return outputs;
  },
  cases: () => attentionGradientCases(),
});
