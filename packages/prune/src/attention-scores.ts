/** How sure attention heads are of what they look at, on calibration data. */
import type { Context } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { log, max, maximum, mul, sum, transpose, type Value } from "@pare/tensor-core";
import { siteMeans, subjectOf, type Sequence } from "@pare/training";
import { attentionUnseen } from "./errors.ts";
import type { HeadScores } from "./head-choice.ts";

export interface AttentionScoreOptions {
  readonly model: Checkpoint;
  readonly sequences: readonly Sequence[];
  /** Sequences per run on the device; changes nothing but rounding. */
  readonly batch: number;
  readonly context: Context;
  /** Stage that asks, for messages. */
  readonly use: string;
}

/** Below every weight that counts: 0 · log 0 is 0. */
const LEAST = 1e-30;

/**
 * By attention layer, each head's mean over query positions of its largest attention weight (Voita et al. 2019, section 4: confidence;
 * no token is left out here). Near 1: the head looks at one token.
 *
 * @throws `prune/attention-unseen`, `training/device-missing`.
 */
export function headConfidence(options: AttentionScoreOptions): Promise<HeadScores> {
  return attentionMeans(options, (weights) => max(weights, [3]));
}

/**
 * By attention layer, each head's mean over query positions of Σ p log p in nats: its entropy with the sign turned, so that the head which
 * spreads its attention most has the least score. Throws as {@link headConfidence}.
 */
export function headNegentropy(options: AttentionScoreOptions): Promise<HeadScores> {
  return attentionMeans(options, (weights) => sum(mul(weights, log(maximum(weights, LEAST))), [3]));
}

/** @param measure from attention weights `[batch, heads, queries, keys]` to `[batch, heads, queries]`. */
async function attentionMeans(
  { model, sequences, batch, context, use }: AttentionScoreOptions,
  measure: (weights: Value) => Value,
): Promise<HeadScores> {
  const groups = subjectOf(model, context.registry).architecture.heads(model.config);
  const sites = Object.fromEntries(
    groups.map(({ site, weights }) => {
      if (weights === undefined) throw attentionUnseen({ architecture: model.config.architecture, site });
      return [weights, (value: Value) => transpose(measure(value), [0, 2, 1])];
    }),
  );
  const means = await siteMeans({ model, sequences, batch, sites, context, use });
  return new Map(groups.map(({ site, weights }) => [site, [...means.get(weights!)!]]));
}
