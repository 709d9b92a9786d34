import type { Stage } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { inverseFactor, sweepColumns } from "@pare/training";
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
import { isNOfM, parseNOfM, selectNOfM, type NOfM } from "./n-of-m.ts";
import type { PruneState } from "./retrain.ts";
import { expandMask, scoreMagnitude, unitOf, unitsOf, type Pattern } from "./score.ts";
import { selector, thresholdOf } from "./select.ts";

const ID = "prune/sparsegpt";

/** Options of {@link sparsegpt}. */
export interface SparseGptOptions extends CalibratedPruningOptions {
  /** Columns whose mask is chosen together, default 32; with a pattern rounded up to whole groups or blocks. */
  readonly block?: number | undefined;
  /** Added to the diagonal of H, as a share of its mean. Default 0.01. */
  readonly damping?: number | undefined;
}

interface Settings extends CalibratedPruningSettings {
  readonly block: number;
  readonly damping: number;
}

const options: z.ZodType<Settings, SparseGptOptions> = z
  .object({
    ...pruningFields,
    block: z.int().min(1).default(32).describe("columns whose mask is chosen together"),
    damping: z.number().positive().default(0.01).describe("added to the diagonal of H, as a share of its mean"),
  })
  .refine(oneShare, ONE_SHARE);

/**
 * Removes those of the layers' linear weights that cost least and moves the rest of their row to make up for it (Frantar and Alistarh
 * 2023). With H = 2XᵀX/N + λI and U the upper Cholesky factor of H⁻¹, weight w_j costs w_j² / U_jj² (their equation 3); the mask of a
 * block of columns is chosen when the sweep reaches it, over all rows; with a pattern of blocks the costs of a block add up; removing w_j moves the later columns by −w_j/U_jj · U_j,: .
 *
 * ⌊sparsity · n⌋ of each matrix go exactly, equal costs in order of index; what earlier steps pruned goes first and stays zero.
 * Embeddings, norms, biases and an output matrix of its own stay. Host memory: 8 bytes per entry of the matrix and of H.
 *
 * @throws `prune/quantized-weight`, `prune/not-finite`, `training/not-positive-definite`, what `prepareSequences` and `changeLayers` of training throw, and the retraining step.
 */
export const sparsegpt: Stage<typeof ID, SparseGptOptions, PruneState, { model: Checkpoint }> = calibratedPruning({
  id: ID,
  version: 3,
  options,
  statistic: "gram",
  prune,
});

function prune(
  { values, mask, rows, columns, statistic }: PruneTask,
  { sparsity, pattern, block, damping }: ForWeight<Settings>,
): PrunedValues {
  const weights = Float64Array.from(values.data as Float32Array);
  const factor = inverseFactor(statistic, columns, damping);
  const kept = new Uint8Array(weights.length);
  /** √cost of each weight in columns `[from, to)`, `[rows, to − from]`. */
  const scored = (from: number, to: number): Area => {
    const width = to - from;
    const metric = new Float32Array(rows * width);
    const before = mask && new Uint8Array(rows * width);
    for (let row = 0; row < rows; row++) {
      for (let column = from; column < to; column++) {
        const at = row * columns + column;
        metric[row * width + column - from] = Math.abs(weights[at] / factor[column * columns + column]);
        if (before !== undefined) before[row * width + column - from] = mask![at];
      }
    }
    return { rows, width, metric, mask: before };
  };
  const write = (from: number, width: number, chosen: Uint8Array): void => {
    for (let row = 0; row < rows; row++) kept.set(chosen.subarray(row * width, (row + 1) * width), row * columns + from);
  };
  const open = (from: number, to: number): void => {
    // Counted up to the end of the block, so that the shares of all blocks add up to that of the matrix.
    const units = (end: number): number => {
      const { rows: down, columns: across } = unitsOf(pattern as Pattern, rows, end);
      return down * across;
    };
    const count = countOf(sparsity, units(to)) - countOf(sparsity, units(from));
    write(from, to - from, keepMost(scored(from, to), pattern as Pattern, count));
  };
  const enter = (column: number): void => {
    const { m } = parseNOfM(pattern as NOfM);
    if (column % m !== 0) return;
    const to = Math.min(columns, column + m);
    const { width, metric, mask: before } = scored(column, to);
    const chosen = new Uint8Array(metric.length);
    selectNOfM(scoreMagnitude(metric, before, rows, width, "unstructured"), chosen, width, pattern as NOfM);
    write(column, width, chosen);
  };
  const together = isNOfM(pattern) ? parseNOfM(pattern).m : unitOf(pattern).columns;
  sweepColumns({
    weights,
    rows,
    columns,
    factor,
    block: Math.ceil(block / together) * together,
    ...(isNOfM(pattern) ? { enter } : { open }),
    replace: (row, column, value) => (kept[row * columns + column] === 0 ? 0 : value),
  });
  return { data: Float32Array.from(weights), kept };
}

/** Some columns of a weight. */
interface Area {
  readonly rows: number;
  readonly width: number;
  /** `[rows, width]` */
  readonly metric: Float32Array;
  /** 0 where an earlier step pruned. */
  readonly mask: Uint8Array | undefined;
}

/** The mask of an area in which the `count` units of least cost go; what was pruned stays so in any case. */
function keepMost({ rows, width, metric, mask }: Area, pattern: Pattern, count: number): Uint8Array {
  const keys = scoreMagnitude(metric, mask, rows, width, pattern);
  return expandMask(selector(thresholdOf(keys, count))(keys), mask, rows, width, pattern);
}
