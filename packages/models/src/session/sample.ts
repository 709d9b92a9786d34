import { uniform } from "@pare/tensor-core";

export interface Sampling {
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
}

/**
 * The next token of a row.
 *
 * @param row stream of random numbers, so that rows do not repeat each other.
 * @param step place in that stream.
 */
export function chooseToken(logits: Float32Array, { temperature, topP, seed }: Sampling, row: number, step: number): number {
  if (temperature === 0) return argmaxOf(logits);
  const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
  const best = logits[order[0]!]!;
  const weights = order.map((id) => Math.exp((logits[id]! - best) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const kept = nucleus(weights, topP * total);
  let left = uniform(seed, row, 1, step)[0]! * weights.slice(0, kept).reduce((sum, weight) => sum + weight, 0);
  for (let place = 0; place < kept; place++) {
    left -= weights[place]!;
    if (left < 0) return order[place]!;
  }
  return order[kept - 1]!;
}

/** The fewest of the largest weights that together reach `mass` (Holtzman et al. 2020, eq. 2). */
function nucleus(weights: readonly number[], mass: number): number {
  let reached = 0;
  for (const [place, weight] of weights.entries()) {
    reached += weight;
    if (reached >= mass) return place + 1;
  }
  return weights.length;
}

/** First of the largest. */
function argmaxOf(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
