/**
 * Attention and its gradients by whole matrices of scores `[b, h, tq, tk]`: a pass writes one element at a time, so what several
 * elements share is a tensor of its own.
 */
import { attentionBiasGradientOp, attentionGradientOp, attentionOp, type AttentionAttrs, type Kernel } from "@pare/tensor-core";
import { implement, type AnyShader, type GpujsEncoder, type GpujsTensor, type GpujsTypes } from "../types.ts";
import { optional } from "./optional.ts";

/** What a key that is not seen scores; a bias of −10³⁰ or less hides a key. */
const HIDDEN = -3e38;
const BLIND = -1e38;

interface Inputs {
  readonly query: GpujsTensor;
  readonly key: GpujsTensor;
  readonly value: GpujsTensor;
  readonly lengths?: GpujsTensor | undefined;
  readonly starts?: GpujsTensor | undefined;
  readonly bias?: GpujsTensor | undefined;
}

interface Sizes {
  readonly batches: number;
  readonly tokens: number;
  readonly heads: number;
  readonly width: number;
  readonly capacity: number;
  readonly groups: number;
}

function sizesOf({ query, key }: Inputs): Sizes {
  const [batches, tokens, heads, width] = query.shape as [number, number, number, number];
  return { batches, tokens, heads, width, capacity: key.shape[1]!, groups: key.shape[2]! };
}

/** Element i of `[b, h, tq, tk]`. */
const PLACE = `const line = quotient(i, capacity);
  const j = i - line * capacity;
  const column = quotient(line, tokens);
  const token = line - column * tokens;
  const b = quotient(column, heads);
  const h = column - b * heads;
  const queryAt = ((b * tokens + token) * heads + h) * width;
  const keyAt = ((b * capacity + j) * groups + Math.floor(owners[h] + 0.5)) * width;`;

const SHAPE = { tokens: "integer", heads: "integer", width: "integer", capacity: "integer", groups: "integer" } as const;

/** scale·q·k + bias, or {@link HIDDEN}. */
function scoresOf(encoder: GpujsEncoder, inputs: Inputs, attrs: AttentionAttrs, owners: GpujsTensor): GpujsTensor {
  const { query, key, lengths, starts, bias } = inputs;
  const { batches, ...sizes } = sizesOf(inputs);
  const { parameters, values, suffix } = optional({ lengths, starts, bias });
  const shader: AnyShader = {
    name: `f32_attention_scores${attrs.causal ? "_causal" : ""}${suffix}`,
    parameters: {
      query: "tensor",
      key: "tensor",
      owners: "tensor",
      ...parameters,
      ...SHAPE,
      biasBatches: "integer",
      biasHeads: "integer",
      scale: "number",
    },
    body: `${PLACE}
      let seen = 1.0;
      ${lengths === undefined ? "" : "if (j >= Math.floor(lengths[b] + 0.5)) { seen = 0.0; }"}
      ${attrs.causal ? `if (j > token${starts === undefined ? "" : " + Math.floor(starts[b] + 0.5)"}) { seen = 0.0; }` : ""}
      let extra = 0.0;
      ${
        bias === undefined
          ? ""
          : `const biasBatch = b - biasBatches * quotient(b, biasBatches);
      const biasHead = h - biasHeads * quotient(h, biasHeads);
      extra = bias[((biasBatch * biasHeads + biasHead) * tokens + token) * capacity + j];
      if (extra <= -1e30) { seen = 0.0; }`
      }
      let score = ${HIDDEN};
      if (seen > 0.5) {
        let total = 0.0;
        for (let d = 0; d < width; d++) { total += query[queryAt + d] * key[keyAt + d]; }
        score = total * scale + extra;
      }
      return score;`,
  };
  const scores = encoder.scratch([batches, sizes.heads, sizes.tokens, sizes.capacity]);
  const [biasBatches = 1, biasHeads = 1] = bias?.shape ?? [];
  encoder.pass(shader, scores, { query, key, owners, ...values, ...sizes, biasBatches, biasHeads, scale: attrs.scale });
  return scores;
}

const LARGEST = {
  name: "f32_attention_largest",
  parameters: { scores: "tensor", capacity: "integer" },
  body: `let largest = scores[i * capacity];
    for (let j = 1; j < capacity; j++) { const value = scores[i * capacity + j]; if (value > largest) { largest = value; } }
    return largest;`,
} as const;
const TOTAL = {
  name: "f32_attention_total",
  parameters: { scores: "tensor", largest: "tensor", capacity: "integer" },
  body: `const top = largest[i];
    let total = 0.0;
    if (top > ${BLIND}) {
      for (let j = 0; j < capacity; j++) {
        const score = scores[i * capacity + j];
        if (score > ${BLIND}) { total += Math.exp(score - top); }
      }
    }
    return total;`,
} as const;
const LOG_SUM = {
  name: "f32_attention_log_sum",
  parameters: { largest: "tensor", total: "tensor" },
  body: "let value = 0.0; if (total[i] > 0.0) { value = largest[i] + Math.log(total[i]); } return value;",
} as const;
const PROBABILITY = {
  name: "f32_attention_probability",
  parameters: { scores: "tensor", largest: "tensor", total: "tensor", capacity: "integer" },
  body: `const line = quotient(i, capacity);
    const score = scores[i];
    let value = 0.0;
    if (score > ${BLIND}) { value = Math.exp(score - largest[line]) / total[line]; }
    return value;`,
} as const;

/** Σ over keys of p·value. */
const MIX = {
  name: "f32_attention_mix",
  parameters: { p: "tensor", value: "tensor", owners: "tensor", ...SHAPE },
  body: `const vector = quotient(i, width);
    const d = i - vector * width;
    const row = quotient(vector, heads);
    const h = vector - row * heads;
    const b = quotient(row, tokens);
    const line = ((b * heads + h) * tokens + row - b * tokens) * capacity;
    const owner = Math.floor(owners[h] + 0.5);
    let total = 0.0;
    for (let j = 0; j < capacity; j++) { total += p[line + j] * value[((b * capacity + j) * groups + owner) * width + d]; }
    return total;`,
} as const;

const FOUND = {
  name: "f32_attention_found_probability",
  parameters: { scores: "tensor", logSumExp: "tensor", capacity: "integer" },
  body: `const score = scores[i];
    let value = 0.0;
    if (score > ${BLIND}) { value = Math.exp(score - logSumExp[quotient(i, capacity)]); }
    return value;`,
} as const;

/** grad·y of each query, in the order of `[b, h, tq]`. */
const ALONG = {
  name: "f32_attention_along",
  parameters: { grad: "tensor", y: "tensor", tokens: "integer", heads: "integer", width: "integer" },
  body: `const column = quotient(i, tokens);
    const b = quotient(column, heads);
    const at = ((b * tokens + i - column * tokens) * heads + column - b * heads) * width;
    let total = 0.0;
    for (let d = 0; d < width; d++) { total += grad[at + d] * y[at + d]; }
    return total;`,
} as const;

/** p·(grad·value − grad·y). */
const SLOPE = {
  name: "f32_attention_slope",
  parameters: { p: "tensor", grad: "tensor", value: "tensor", along: "tensor", owners: "tensor", ...SHAPE },
  body: `${PLACE}
    const weight = p[i];
    let total = 0.0;
    if (weight > 0.0) {
      for (let d = 0; d < width; d++) { total += grad[queryAt + d] * value[keyAt + d]; }
      total = weight * (total - along[line]);
    }
    return total;`,
} as const;

/** factor·Σ over the queries of all heads that read a key of matrix·vector. */
const GATHER = {
  name: "f32_attention_gather",
  parameters: { matrix: "tensor", vectors: "tensor", owners: "tensor", ...SHAPE, factor: "number" },
  body: `const vector = quotient(i, width);
    const d = i - vector * width;
    const row = quotient(vector, groups);
    const owner = vector - row * groups;
    const b = quotient(row, capacity);
    const j = row - b * capacity;
    let total = 0.0;
    for (let h = 0; h < heads; h++) {
      if (Math.floor(owners[h] + 0.5) - owner === 0) {
        for (let token = 0; token < tokens; token++) {
          total += matrix[((b * heads + h) * tokens + token) * capacity + j] * vectors[((b * tokens + token) * heads + h) * width + d];
        }
      }
    }
    return total * factor;`,
} as const;
const SCALE = { name: "f32_scale", parameters: { x: "tensor", factor: "number" }, body: "return x[i] * factor;" } as const;

/** Sum over the batch elements and heads that share a bias. */
const SHARED = {
  name: "f32_attention_bias_gradient",
  parameters: {
    slope: "tensor",
    tokens: "integer",
    heads: "integer",
    capacity: "integer",
    batches: "integer",
    biasBatches: "integer",
    biasHeads: "integer",
  },
  body: `const each = tokens * capacity;
    const sheet = quotient(i, each);
    const at = i - sheet * each;
    const biasBatch = quotient(sheet, biasHeads);
    const biasHead = sheet - biasBatch * biasHeads;
    let total = 0.0;
    for (let b = biasBatch; b < batches; b += biasBatches) {
      for (let h = biasHead; h < heads; h += biasHeads) { total += slope[(b * heads + h) * each + at]; }
    }
    return total;`,
} as const;

interface GradientInputs extends Inputs {
  readonly grad: GpujsTensor;
  readonly y: GpujsTensor;
  readonly logSumExp: GpujsTensor;
}

interface Slopes {
  readonly owners: GpujsTensor;
  readonly p: GpujsTensor;
  readonly slope: GpujsTensor;
}

function slopesOf(encoder: GpujsEncoder, inputs: GradientInputs, attrs: AttentionAttrs): Slopes {
  const { grad, value, y, logSumExp } = inputs;
  const { batches, ...sizes } = sizesOf(inputs);
  const owners = encoder.table(attrs.keyValueHeads);
  const scores = scoresOf(encoder, inputs, attrs, owners);
  const [p, slope] = [encoder.scratch(scores.shape), encoder.scratch(scores.shape)];
  const along = encoder.scratch([batches, sizes.heads, sizes.tokens]);
  encoder.pass(FOUND, p, { scores, logSumExp, capacity: sizes.capacity });
  encoder.pass(ALONG, along, { grad, y, ...sizes });
  encoder.pass(SLOPE, slope, { p, grad, value, along, owners, ...sizes });
  return { owners, p, slope };
}

export const attentionKernels: readonly Kernel<GpujsTypes>[] = [
  implement(attentionOp, (encoder, inputs, { y, logSumExp }, attrs) => {
    const { batches, ...sizes } = sizesOf(inputs);
    const { capacity } = sizes;
    const owners = encoder.table(attrs.keyValueHeads);
    const scores = scoresOf(encoder, inputs, attrs, owners);
    const rows = [batches, sizes.heads, sizes.tokens];
    const [largest, total, p] = [encoder.scratch(rows), encoder.scratch(rows), encoder.scratch(scores.shape)];
    encoder.pass(LARGEST, largest, { scores, capacity });
    encoder.pass(TOTAL, total, { scores, largest, capacity });
    encoder.pass(LOG_SUM, logSumExp, { largest, total });
    encoder.pass(PROBABILITY, p, { scores, largest, total, capacity });
    encoder.pass(MIX, y, { p, value: inputs.value, owners, ...sizes });
  }),
  implement(attentionGradientOp, (encoder, inputs, to, attrs) => {
    const { batches: _, ...sizes } = sizesOf(inputs);
    const { owners, p, slope } = slopesOf(encoder, inputs, attrs);
    const unscaled = encoder.scratch(to.query.shape);
    encoder.pass(MIX, unscaled, { p: slope, value: inputs.key, owners, ...sizes });
    encoder.pass(SCALE, to.query, { x: unscaled, factor: attrs.scale });
    encoder.pass(GATHER, to.key, { matrix: slope, vectors: inputs.query, owners, ...sizes, factor: attrs.scale });
    encoder.pass(GATHER, to.value, { matrix: p, vectors: inputs.grad, owners, ...sizes, factor: 1 });
  }),
  implement(attentionBiasGradientOp, (encoder, inputs, to, attrs) => {
    const { batches, tokens, heads, capacity } = sizesOf(inputs);
    const [biasBatches, biasHeads] = inputs.bias.shape as [number, number];
    const { slope } = slopesOf(encoder, inputs, attrs);
    encoder.pass(SHARED, to.bias, { slope, tokens, heads, capacity, batches, biasBatches, biasHeads });
  }),
];
