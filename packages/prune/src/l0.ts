import { defineStage, type Stage } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { add, mul } from "@pare/tensor-core";
import { ONE_LENGTH, oneLength } from "@pare/training";
import { z } from "zod";
import {
  expectedOpen,
  finalGates,
  gateFields,
  gateInputs,
  gateLeaf,
  sampleGates,
  type HardConcreteOptions,
  type HardConcreteSettings,
} from "./hard-concrete.ts";
import { linearWeights } from "./prunable.ts";
import type { PruneState } from "./retrain.ts";
import { patternField, type Pattern } from "./score.ts";
import { storageField, type PrunedStorage } from "./store-pruned.ts";
import { linearViews, trainAndPrune, trainedFields, type TrainedPruningOptions, type TrainedPruningSettings } from "./trained-pruning.ts";
import { throughUnits, unitShape } from "./unit-view.ts";

const ID = "prune/l0";
const VERSION = 1;
const GATE = "gate";

/** Options of {@link l0}. */
export interface L0Options extends TrainedPruningOptions, HardConcreteOptions {
  /** What has a gate: single weights (default), or blocks of outputs × inputs. */
  readonly pattern?: Pattern | undefined;
  /** How pruned weights leave: sparse, dense beside their mask, or whichever is smaller (default). */
  readonly storage?: PrunedStorage | undefined;
}

interface Settings extends TrainedPruningSettings, HardConcreteSettings {
  readonly pattern: Pattern;
  readonly storage: PrunedStorage;
}

const options: z.ZodType<Settings, L0Options> = z
  .object({
    ...trainedFields,
    ...gateFields,
    pattern: patternField.default("unstructured").describe("what has a gate: single weights, or blocks of outputs × inputs"),
    storage: storageField,
  })
  .refine(oneLength, ONE_LENGTH);

/**
 * Trains the model with a hard-concrete gate on every linear weight, or block of them, and pays λ · (share of gates expected to be open)
 * for them (Louizos, Welling and Kingma 2018). What has a closed gate after training is pruned; the others take in what their gate is.
 * How much goes follows from λ and is a metric of the run.
 *
 * @throws `prune/quantized-weight`, what `prepareSequences` and `train` throw, and the retraining step.
 */
export const l0: Stage<typeof ID, L0Options, PruneState, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => {
    const { pattern, storage } = given;
    const linear = linearWeights(state.model, context);
    const streams = new Map(linear.map(({ name }, index) => [name, index]));
    const gates = linear.reduce((sum, spec) => sum + unitShape(spec, pattern).reduce((a, b) => a * b), 0);
    let closed = 0;
    const result = await trainAndPrune({
      use: ID,
      version: VERSION,
      state,
      given,
      context,
      views: linearViews((spec, stored) =>
        throughUnits(stored, pattern, storage, {
          leaves: { [GATE]: gateLeaf(unitShape(spec, pattern), given) },
          factor: (leaf, tracer) => sampleGates(leaf(GATE), given, streams.get(spec.name)!, tracer),
          final: async (leaf) => {
            const final = finalGates(await leaf(GATE), given);
            closed += final.filter((gate) => gate === 0).length;
            return final;
          },
        }),
      ),
      penalty: (leaf) => mul(linear.map(({ name }) => expectedOpen(leaf(name, GATE), given)).reduce(add), given.penalty / gates),
      inputs: gateInputs(context.seed, ID),
      finish: async (trained) => {
        context.emit({ type: "metric", name: "share of gates closed", value: closed / gates });
        return trained;
      },
    });
    return result;
  },
});
