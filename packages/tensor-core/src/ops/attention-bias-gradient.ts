import { dot, lookAt, type AttentionAttrs } from "./support/attention.ts";
import { attentionGradientCases, inferAttentionGradient } from "./support/attention-gradient.ts";
import { dataOf, make } from "./support/host.ts";
import { defineOp, type Op } from "../op.ts";

type Inputs = "grad" | "query" | "key" | "value" | "y" | "logSumExp" | "bias";

/**
 * What attention passes back to its bias, in the names of `attention-gradient`: p·(dp − grad·y), summed over the batch elements and
 * heads that share one bias; 0 where a key is not seen.
 */
export const attentionBiasGradientOp: Op<"attention-bias-gradient", Inputs, "lengths" | "starts", "bias", AttentionAttrs> = defineOp({
  name: "attention-bias-gradient",
  inputs: ["grad", "query", "key", "value", "y", "logSumExp", "bias"],
  optional: ["lengths", "starts"],
  outputs: ["bias"],
  infer: (inputs, attrs: AttentionAttrs) => {
    const dtype = inferAttentionGradient("attention-bias-gradient", inputs, attrs);
    return { bias: { dtype, shape: inputs.bias.shape } };
  },
  reference: (inputs, attrs) => {
    const [grads, ys, sums, values] = [dataOf(inputs.grad), dataOf(inputs.y), dataOf(inputs.logSumExp), dataOf(inputs.value)];
    const width = inputs.query.shape[3]!;
    const bias = make(inputs.bias.dtype, inputs.bias.shape);
    const totals = new Float64Array(bias.data.length);
    for (const { row, queryAt, scores, keyAt, biasAt } of lookAt(inputs, attrs)) {
      const along = dot(grads, queryAt, ys, queryAt, width);
      scores.forEach((score, j) => {
        totals[biasAt + j]! += Math.exp(score - sums[row]!) * (dot(grads, queryAt, values, keyAt(j), width) - along);
      });
    }
    bias.data.set(totals);
    return { bias };
  },
  cases: function* () {
    for (const { inputs, ...one } of attentionGradientCases()) {
      const { bias } = inputs;
      if (bias !== undefined) yield { ...one, inputs: { ...inputs, bias } };
    }
  },
});
