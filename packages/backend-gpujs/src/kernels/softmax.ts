/** Softmax, its logarithm and cross-entropy, along rows. */
import { crossEntropyGradientOp, crossEntropyOp, logSoftmaxOp, softmaxOp, type Kernel } from "@pare/tensor-core";
import { implement, type GpujsEncoder, type GpujsTensor, type GpujsTypes } from "../types.ts";
import { rowsOf } from "./strides.ts";

const LARGEST = {
  name: "f32_row_max",
  parameters: { x: "tensor", length: "integer" },
  body: `let largest = x[i * length];
    for (let j = 1; j < length; j++) { const value = x[i * length + j]; if (value > largest) { largest = value; } }
    return largest;`,
} as const;

const EXPONENTIALS = {
  name: "f32_row_exponentials",
  parameters: { x: "tensor", largest: "tensor", length: "integer" },
  body: `const top = largest[i];
    let total = 0.0;
    for (let j = 0; j < length; j++) { total += Math.exp(x[i * length + j] - top); }
    return total;`,
} as const;

const PARTS = { x: "tensor", largest: "tensor", total: "tensor", length: "integer" } as const;

const SOFTMAX = {
  name: "f32_softmax",
  parameters: PARTS,
  body: "const row = quotient(i, length); return Math.exp(x[i] - largest[row]) / total[row];",
} as const;

const LOG_SOFTMAX = {
  name: "f32_log_softmax",
  parameters: PARTS,
  body: "const row = quotient(i, length); return x[i] - largest[row] - Math.log(total[row]);",
} as const;

const LOG_SUM = {
  name: "f32_log_sum",
  parameters: { largest: "tensor", total: "tensor" },
  body: "return largest[i] + Math.log(total[i]);",
} as const;

const NLL = {
  name: "f32_nll",
  parameters: { ...PARTS, targets: "tensor" },
  body: `const target = targets[i];
    let value = 0.0;
    if (target >= 0.0) { value = Math.log(total[i]) - (x[i * length + Math.floor(target)] - largest[i]); }
    return value;`,
} as const;

const NLL_GRADIENT = {
  name: "f32_nll_gradient",
  parameters: { grad: "tensor", x: "tensor", targets: "tensor", logSumExp: "tensor", length: "integer" },
  body: `const row = quotient(i, length);
    const target = targets[row];
    let value = 0.0;
    if (target >= 0.0) {
      let hit = 0.0;
      if (Math.floor(target + 0.5) - (i - row * length) === 0) { hit = 1.0; }
      value = grad[row] * (Math.exp(x[i] - logSumExp[row]) - hit);
    }
    return value;`,
} as const;

/** The largest element of each row, and Σe^(x − largest). */
function rowSums(encoder: GpujsEncoder, x: GpujsTensor): { largest: GpujsTensor; total: GpujsTensor; length: number } {
  const { count, length } = rowsOf(x);
  const [largest, total] = [encoder.scratch([count]), encoder.scratch([count])];
  encoder.pass(LARGEST, largest, { x, length });
  encoder.pass(EXPONENTIALS, total, { x, largest, length });
  return { largest, total, length };
}

export const softmaxKernels: readonly Kernel<GpujsTypes>[] = [
  implement(softmaxOp, (encoder, { x }, { y }) => encoder.pass(SOFTMAX, y, { x, ...rowSums(encoder, x) })),
  implement(logSoftmaxOp, (encoder, { x }, { y }) => encoder.pass(LOG_SOFTMAX, y, { x, ...rowSums(encoder, x) })),
  implement(crossEntropyOp, (encoder, { logits: x, targets }, { nll, logSumExp }) => {
    const sums = rowSums(encoder, x);
    encoder.pass(LOG_SUM, logSumExp, sums);
    encoder.pass(NLL, nll, { x, targets, ...sums });
  }),
  implement(crossEntropyGradientOp, (encoder, { grad, logits: x, targets, logSumExp }, { logits }) =>
    encoder.pass(NLL_GRADIENT, logits, { grad, x, targets, logSumExp, length: rowsOf(x).length }),
  ),
];
