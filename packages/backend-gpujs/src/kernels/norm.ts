/** Layer norm and RMS norm along rows, and their gradients. */
import { layerNormGradientOp, layerNormOp, rmsNormGradientOp, rmsNormOp, type Kernel } from "@pare/tensor-core";
import { implement, type GpujsEncoder, type GpujsTensor, type GpujsTypes } from "../types.ts";
import { rowsOf } from "./strides.ts";

const MEAN = {
  name: "f32_row_mean",
  parameters: { x: "tensor", length: "integer" },
  body: "let total = 0.0; for (let j = 0; j < length; j++) { total += x[i * length + j]; } return total / length;",
} as const;

/** 1/√(Σ(x − mean)²/n + ε); without a mean, of the squares themselves. */
const DEVIATION = {
  name: "f32_row_inverse_deviation",
  parameters: { x: "tensor", mean: "tensor", length: "integer", epsilon: "number" },
  body: `const middle = mean[i];
    let total = 0.0;
    for (let j = 0; j < length; j++) { const value = x[i * length + j] - middle; total += value * value; }
    return 1.0 / Math.sqrt(total / length + epsilon);`,
} as const;
const RMS = {
  name: "f32_row_inverse_rms",
  parameters: { x: "tensor", length: "integer", epsilon: "number" },
  body: `let total = 0.0;
    for (let j = 0; j < length; j++) { const value = x[i * length + j]; total += value * value; }
    return 1.0 / Math.sqrt(total / length + epsilon);`,
} as const;

const ROW = "const row = quotient(i, length); const column = i - row * length;";

const LAYER_NORM = {
  name: "f32_layer_norm",
  parameters: { x: "tensor", weight: "tensor", bias: "tensor", mean: "tensor", inverse: "tensor", length: "integer" },
  body: `${ROW} return (x[i] - mean[row]) * inverse[row] * weight[column] + bias[column];`,
} as const;
const RMS_NORM = {
  name: "f32_rms_norm",
  parameters: { x: "tensor", weight: "tensor", inverse: "tensor", length: "integer" },
  body: `${ROW} return x[i] * inverse[row] * weight[column];`,
} as const;

/** Σ weight·grad of each row. */
const SPREAD = {
  name: "f32_row_spread",
  parameters: { grad: "tensor", weight: "tensor", length: "integer" },
  body: "let total = 0.0; for (let j = 0; j < length; j++) { total += grad[i * length + j] * weight[j]; } return total;",
} as const;
/** Σ weight·grad·x̂ of each row. */
const ALONG = {
  name: "f32_row_along",
  parameters: { x: "tensor", grad: "tensor", weight: "tensor", mean: "tensor", inverse: "tensor", length: "integer" },
  body: `let total = 0.0;
    for (let j = 0; j < length; j++) { total += grad[i * length + j] * weight[j] * (x[i * length + j] - mean[i]) * inverse[i]; }
    return total;`,
} as const;
const RMS_ALONG = {
  name: "f32_row_rms_along",
  parameters: { x: "tensor", grad: "tensor", weight: "tensor", inverse: "tensor", length: "integer" },
  body: `let total = 0.0;
    for (let j = 0; j < length; j++) { total += grad[i * length + j] * weight[j] * x[i * length + j] * inverse[i]; }
    return total;`,
} as const;

const LAYER_NORM_GRADIENT = {
  name: "f32_layer_norm_gradient",
  parameters: { ...ALONG.parameters, spread: "tensor", along: "tensor" },
  body: `${ROW}
    const normal = (x[i] - mean[row]) * inverse[row];
    return inverse[row] * (weight[column] * grad[i] - (spread[row] + normal * along[row]) / length);`,
} as const;
const RMS_NORM_GRADIENT = {
  name: "f32_rms_norm_gradient",
  parameters: { ...RMS_ALONG.parameters, along: "tensor" },
  body: `${ROW} return inverse[row] * (weight[column] * grad[i] - x[i] * inverse[row] * along[row] / length);`,
} as const;

const COLUMN = { x: "tensor", grad: "tensor", inverse: "tensor", count: "integer", length: "integer" } as const;
const LAYER_NORM_WEIGHT = {
  name: "f32_layer_norm_weight_gradient",
  parameters: { ...COLUMN, mean: "tensor" },
  body: `let total = 0.0;
    for (let row = 0; row < count; row++) { total += grad[row * length + i] * (x[row * length + i] - mean[row]) * inverse[row]; }
    return total;`,
} as const;
const RMS_NORM_WEIGHT = {
  name: "f32_rms_norm_weight_gradient",
  parameters: COLUMN,
  body: `let total = 0.0;
    for (let row = 0; row < count; row++) { total += grad[row * length + i] * x[row * length + i] * inverse[row]; }
    return total;`,
} as const;
const COLUMN_SUM = {
  name: "f32_column_sum",
  parameters: { grad: "tensor", count: "integer", length: "integer" },
  body: "let total = 0.0; for (let row = 0; row < count; row++) { total += grad[row * length + i]; } return total;",
} as const;

function moments(
  encoder: GpujsEncoder,
  x: GpujsTensor,
  epsilon: number,
): { mean: GpujsTensor; inverse: GpujsTensor; count: number; length: number } {
  const { count, length } = rowsOf(x);
  const [mean, inverse] = [encoder.scratch([count]), encoder.scratch([count])];
  encoder.pass(MEAN, mean, { x, length });
  encoder.pass(DEVIATION, inverse, { x, mean, length, epsilon });
  return { mean, inverse, count, length };
}

function size(encoder: GpujsEncoder, x: GpujsTensor, epsilon: number): { inverse: GpujsTensor; count: number; length: number } {
  const { count, length } = rowsOf(x);
  const inverse = encoder.scratch([count]);
  encoder.pass(RMS, inverse, { x, length, epsilon });
  return { inverse, count, length };
}

export const normKernels: readonly Kernel<GpujsTypes>[] = [
  implement(layerNormOp, (encoder, { x, weight, bias }, { y }, { epsilon }) =>
    encoder.pass(LAYER_NORM, y, { x, weight, bias, ...moments(encoder, x, epsilon) }),
  ),
  implement(rmsNormOp, (encoder, { x, weight }, { y }, { epsilon }) =>
    encoder.pass(RMS_NORM, y, { x, weight, ...size(encoder, x, epsilon) }),
  ),
  implement(layerNormGradientOp, (encoder, { x, weight, grad }, to, { epsilon }) => {
    const { mean, inverse, count, length } = moments(encoder, x, epsilon);
    const [spread, along] = [encoder.scratch([count]), encoder.scratch([count])];
    encoder.pass(SPREAD, spread, { grad, weight, length });
    encoder.pass(ALONG, along, { x, grad, weight, mean, inverse, length });
    encoder.pass(LAYER_NORM_GRADIENT, to.x, { x, grad, weight, mean, inverse, spread, along, length });
    encoder.pass(LAYER_NORM_WEIGHT, to.weight, { x, grad, mean, inverse, count, length });
    encoder.pass(COLUMN_SUM, to.bias, { grad, count, length });
  }),
  implement(rmsNormGradientOp, (encoder, { x, weight, grad }, to, { epsilon }) => {
    const { inverse, count, length } = size(encoder, x, epsilon);
    const along = encoder.scratch([count]);
    encoder.pass(RMS_ALONG, along, { x, grad, weight, inverse, length });
    encoder.pass(RMS_NORM_GRADIENT, to.x, { x, grad, weight, inverse, along, length });
    encoder.pass(RMS_NORM_WEIGHT, to.weight, { x, grad, inverse, count, length });
  }),
];
