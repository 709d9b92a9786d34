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
import { keyOf, selector, thresholdOf } from "./select.ts";

const ID = "prune/sparsegpt";

/** Options of {@link sparsegpt}. */
export interface SparseGptOptions extends CalibratedPruningOptions {
  /** Columns whose mask is chosen together, default 32; with a pattern N:M rounded up to whole groups. */
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
 * block of columns is chosen when the sweep reaches it, over all rows; removing w_j moves the later columns by −w_j/U_jj · U_j,: .
 *
 * ⌊sparsity · n⌋ of each matrix go exactly, equal costs in order of index; what earlier steps pruned goes first and stays zero.
 * Embeddings, norms, biases and an output matrix of its own stay. Host memory: 8 bytes per entry of the matrix and of H.
 *
 * @throws `prune/quantized-weight`, `prune/not-finite`, `training/not-positive-definite`, what `prepareSequences` and `changeLayers` of training throw, and the retraining step.
 */
export const sparsegpt: Stage<typeof ID, SparseGptOptions, PruneState, { model: Checkpoint }> = calibratedPruning({
  id: ID,
  version: 2,
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
  const keys = new Uint32Array(weights.length);
  const whole = isNOfM(pattern) ? Math.ceil(block / parseNOfM(pattern).m) * parseNOfM(pattern).m : block;
  const score = (from: number, to: number): void => {
    for (let row = 0; row < rows; row++) {
      for (let column = from; column < to; column++) {
        const at = row * columns + column;
        const cost = (weights[at] / factor[column * columns + column]) ** 2;
        keys[at] = keyOf(cost, mask === undefined || mask[at] !== 0);
      }
    }
  };
  const open = (from: number, to: number): void => {
    score(from, to);
    // Counted up to the end of the block, so that the shares of all blocks add up to that of the matrix.
    const count = countOf(sparsity, rows * to) - countOf(sparsity, rows * from);
    keepMost(keys, kept, { rows, columns, from, to, count });
  };
  const enter = (column: number): void => {
    const { m } = parseNOfM(pattern as NOfM);
    if (column % m !== 0) return;
    const to = Math.min(columns, column + m);
    score(column, to);
    selectNOfM(keys, kept, columns, pattern as NOfM, [column, to]);
  };
  sweepColumns({
    weights,
    rows,
    columns,
    factor,
    block: whole,
    ...(isNOfM(pattern) ? { enter } : { open }),
    replace: (row, column, value) => (kept[row * columns + column] === 0 ? 0 : value),
  });
  return { data: Float32Array.from(weights), kept };
}

interface Area {
  readonly rows: number;
  readonly columns: number;
  readonly from: number;
  readonly to: number;
  /** How many go. */
  readonly count: number;
}

/** In columns `[from, to)` the `count` least keys of all rows go; those of key 0 go in any case. */
function keepMost(keys: Uint32Array, kept: Uint8Array, { rows, columns, from, to, count }: Area): void {
  const width = to - from;
  const area = new Uint32Array(rows * width);
  for (let row = 0; row < rows; row++) area.set(keys.subarray(row * columns + from, row * columns + to), row * width);
  const stays = selector(thresholdOf(area, count))(area);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) kept[row * columns + from + i] = area[row * width + i] === 0 ? 0 : stays[row * width + i];
  }
}
