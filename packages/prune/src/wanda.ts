import type { Stage } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { z } from "zod";
import {
  calibratedPruning,
  countOf,
  ONE_SHARE,
  oneShare,
  pruningFields,
  type CalibratedPruningOptions,
  type CalibratedPruningSettings,
  type ForWeight,
  type PrunedValues,
  type PruneTask,
} from "./calibrated-pruning.ts";
import { isNOfM, selectNOfM } from "./n-of-m.ts";
import type { PruneState } from "./retrain.ts";
import { expandMask, scoreMagnitude, unitsOf } from "./score.ts";
import { selector, thresholdOf } from "./select.ts";

const ID = "prune/wanda";

/** Options of {@link wanda}. */
export type WandaOptions = CalibratedPruningOptions;

const options: z.ZodType<CalibratedPruningSettings, WandaOptions> = z.object(pruningFields).refine(oneShare, ONE_SHARE);

/**
 * Removes in every row of the layers' linear weights those with the least |W_ij| · ‖X_j‖₂, X_j being what input j read on calibration
 * data (Sun et al. 2023, equation 1). A block has the L2 norm of its scores and competes with those beside it, of the same outputs. The
 * weights that stay are not changed. Exactly ⌊sparsity · columns⌋ go in each row (of blocks), equal scores in order of index; what earlier steps pruned goes first. Embeddings, norms, biases and an output matrix of its own stay.
 *
 * @throws `prune/quantized-weight`, `prune/not-finite`, what `prepareSequences` and `changeLayers` of training throw, and the retraining step.
 */
export const wanda: Stage<typeof ID, WandaOptions, PruneState, { model: Checkpoint }> = calibratedPruning({
  id: ID,
  version: 2,
  options,
  statistic: "squares",
  prune,
});

function prune(
  { values, mask, rows, columns, statistic }: PruneTask,
  { sparsity, pattern }: ForWeight<CalibratedPruningSettings>,
): PrunedValues {
  const data = values.data as Float32Array;
  const norms = Float64Array.from(statistic, Math.sqrt);
  const metric = data.map((value, at) => Math.abs(value) * norms[at % columns]);
  if (isNOfM(pattern)) {
    const kept = new Uint8Array(data.length);
    selectNOfM(scoreMagnitude(metric, mask, rows, columns, "unstructured"), kept, columns, pattern);
    return masked(data, kept);
  }
  const keys = scoreMagnitude(metric, mask, rows, columns, pattern);
  const units = unitsOf(pattern, rows, columns);
  const stays = new Uint8Array(keys.length);
  const count = countOf(sparsity, units.columns);
  for (let at = 0; at < keys.length; at += units.columns) {
    const row = keys.subarray(at, at + units.columns);
    stays.set(selector(thresholdOf(row, count))(row), at);
  }
  // What was pruned stays so: fewer may go than were gone.
  return masked(data, expandMask(stays, mask, rows, columns, pattern));
}

function masked(data: Float32Array, kept: Uint8Array): PrunedValues {
  return { data: data.map((value, at) => (kept[at] === 0 ? 0 : value)), kept };
}
