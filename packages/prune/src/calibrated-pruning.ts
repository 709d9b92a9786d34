/** What the stages share that prune single weights by what they read on calibration data: all but the method itself. */
import { defineStage, type Stage } from "@pare/core";
import { withSeen, withWeights, type Checkpoint } from "@pare/models";
import type { HostTensor } from "@pare/tensor-core";
import {
  calibrationFields,
  changeLayers,
  prepareSequences,
  type CalibrationOptions,
  type CalibrationSettings,
  type InputStatistic,
} from "@pare/training";
import { z } from "zod";
import { isNOfM, nOfMField, parseNOfM, type NOfM } from "./n-of-m.ts";
import { linearWeights, loadPrunable, type Prunable } from "./prunable.ts";
import { blockOf, patternField, type Pattern } from "./score.ts";
import { pruningDeed, retrained, retrainField, type PruneState, type Retrain } from "./retrain.ts";
import { refuseUnknown, shareField, shareOf, type Share } from "./share.ts";
import { storageField, storePruned, type PrunedStorage } from "./store-pruned.ts";

/** Options of the stages that prune single weights by calibration data. */
export interface CalibratedPruningOptions extends CalibrationOptions {
  /**
   * Share of the weights that is gone afterwards, those of earlier steps counted; at least 0, below 1. By name of weight: those not named
   * stay as they are. With a pattern N:M left out.
   */
  readonly sparsity?: Share | undefined;
  /** Any weights (default), blocks of outputs × inputs ("4x1", "4x2", "8x1", "16x1") whose costs add up, or of M consecutive inputs N stay: "2:4". */
  readonly pattern?: Pattern | NOfM | undefined;
  /** How pruned weights leave: sparse, dense beside their mask, or whichever is smaller (default). */
  readonly storage?: PrunedStorage | undefined;
  /** A step that trains what is left: `{ use: "train/finetune", … }`. */
  readonly retrain?: Retrain | undefined;
}

export interface CalibratedPruningSettings extends CalibrationSettings {
  readonly sparsity?: Share | undefined;
  readonly pattern: Pattern | NOfM;
  readonly storage: PrunedStorage;
  readonly retrain?: Retrain | undefined;
}

/** Fields of {@link CalibratedPruningOptions} for a stage's schema. */
export const pruningFields: typeof calibrationFields & {
  readonly sparsity: z.ZodOptional<z.ZodType<Share, Share>>;
  readonly pattern: z.ZodType<Pattern | NOfM, Pattern | NOfM | undefined>;
  readonly storage: typeof storageField;
  readonly retrain: typeof retrainField;
} = {
  sparsity: shareField.optional().describe("share of weights that is gone afterwards, or shares by weight"),
  pattern: patternField
    .or(nOfMField)
    .default("unstructured")
    .describe("any weights, blocks of outputs × inputs (4x1, 4x2, 8x1, 16x1), or N of M consecutive inputs (2:4)"),
  storage: storageField,
  retrain: retrainField,
  ...calibrationFields,
};

/** A schema's check on {@link pruningFields}, and the words for it. */
export function oneShare({ sparsity, pattern }: { readonly sparsity?: unknown; readonly pattern: string }): boolean {
  return (sparsity === undefined) === isNOfM(pattern);
}
export const ONE_SHARE: { readonly message: string; readonly path: string[] } = {
  message: "give `sparsity`, or a pattern N:M, which is a share by itself",
  path: ["sparsity"],
};

/** One matrix `[rows, columns]` to be pruned. */
export interface PruneTask extends Prunable {
  readonly rows: number;
  readonly columns: number;
  /** What it read, as the method's statistic says. */
  readonly statistic: Float32Array;
}

/** What stays: values f32 `[rows, columns]`, and their mask. */
export interface PrunedValues {
  readonly data: Float32Array;
  readonly kept: Uint8Array;
}

export interface CalibratedMethod<Id extends string, Settings extends CalibratedPruningSettings, Options> {
  readonly id: Id;
  readonly version: number;
  readonly options: z.ZodType<Settings, Options>;
  readonly statistic: InputStatistic;
  readonly prune: (task: PruneTask, settings: ForWeight<Settings>) => PrunedValues;
}

/** Settings with the share of one weight; 0 with a pattern N:M. */
export type ForWeight<Settings> = Omit<Settings, "sparsity"> & { readonly sparsity: number };

/** A stage that prunes the linear weights of the transformer layers, layer by layer. */
export function calibratedPruning<Id extends string, Settings extends CalibratedPruningSettings, Options>(
  method: CalibratedMethod<Id, Settings, Options>,
): Stage<Id, Options, PruneState, { model: Checkpoint }> {
  const { id, version, options, statistic, prune } = method;
  return defineStage({
    id,
    version,
    package: "@pare/prune",
    options,
    run: async (state: PruneState, given: Settings, context) => {
      const { model } = state;
      const names = linearWeights(model, context).map(({ name }) => name);
      refuseUnknown(given.sparsity, "sparsity", names);
      const { sequences, seen } = await prepareSequences(model, given, context);
      const { batch, sequential, storage } = given;
      const changes = await changeLayers({
        model,
        sequences,
        batch,
        sequential,
        statistic,
        context,
        use: id,
        change: async ({ name, stored, statistic: sums }) => {
          const task = await loadPrunable(name, stored);
          const { shape } = task.values;
          const [rows, columns] = shape;
          const share = shareOf(given.sparsity ?? 0, name);
          const { data, kept } = prune({ ...task, rows, columns, statistic: sums }, { ...given, sparsity: share });
          if (kept.every((bit) => bit === 1)) return stored;
          const mask: HostTensor = { dtype: "u8", shape, data: kept };
          return storePruned(
            { dtype: "f32", shape, data },
            mask,
            isNOfM(given.pattern) ? parseNOfM(given.pattern) : blockOf(given.pattern),
            storage,
          );
        },
      });
      const pruned = withSeen(withWeights(model, changes, pruningDeed(id, version, given, context)), [seen]);
      return { model: await retrained(pruned, state, given.retrain, context) };
    },
  });
}

/** How many of `units` go at this share: ⌊share · units⌋, a hair more, so that 0.29 · 100 is 29. */
export function countOf(share: number, units: number): number {
  return Math.floor(share * units + 1e-6);
}
