/** What the stages share that prune while the model trains: all but the method itself. */
import type { Context } from "@pare/core";
import { withSeen, withWeights, type Checkpoint, type WeightSpec } from "@pare/models";
import type { StoredWeight } from "@pare/tensor-core";
import {
  dataFields,
  objectiveField,
  prepareSequences,
  train,
  trainAll,
  trainFields,
  type DataOptions,
  type ObjectiveReference,
  type Parametrisation,
  type TrainableView,
  type TrainOptions,
  type TrainOptionsGiven,
  type TrainSettings,
  type Views,
} from "@pare/training";
import type { z } from "zod";
import { lossOf } from "./measuring.ts";
import { pruningDeed, retrained, retrainField, type PruneState, type Retrain } from "./retrain.ts";

/** Options of the stages that prune while the model trains. */
export interface TrainedPruningOptions extends DataOptions, TrainOptionsGiven {
  /**
   * What is made smaller; default `{ use: "next-token" }`. `{ use: "soft-targets" }` distils: from the run state's `teacher`, or from the
   * model as it was before this step.
   */
  readonly objective?: ObjectiveReference | undefined;
  /** A step that trains what is left once the choice is made. */
  readonly retrain?: Retrain | undefined;
}

/** {@link TrainedPruningOptions} with defaults filled in. */
export interface TrainedPruningSettings extends DataOptions, TrainSettings {
  readonly objective?: ObjectiveReference | undefined;
  readonly retrain?: Retrain | undefined;
}

/** Fields of {@link TrainedPruningOptions} for a stage's schema. */
export const trainedFields: typeof dataFields &
  typeof trainFields & {
    readonly objective: z.ZodOptional<z.ZodType<ObjectiveReference, ObjectiveReference>>;
    readonly retrain: typeof retrainField;
  } = { ...dataFields, ...trainFields, objective: objectiveField.optional(), retrain: retrainField };

export interface TrainedPruning extends Parametrisation, Pick<TrainOptions, "onStep"> {
  /** Of the stage. */
  readonly use: string;
  readonly version: number;
  readonly state: PruneState;
  readonly given: TrainedPruningSettings;
  readonly context: Context;
  /** Structure that leaves once training has chosen; default: none. */
  readonly finish?: ((trained: Checkpoint) => Promise<Checkpoint>) | undefined;
}

/** Trains under the parametrisation, removes what it chose, and retrains. Throws what `prepareSequences` and `train` throw, and the retraining step. */
export async function trainAndPrune(options: TrainedPruning): Promise<{ model: Checkpoint }> {
  const { use, version, state, given, context, finish, views, sites, penalty, inputs, onStep } = options;
  const { model } = state;
  const { sequences, seen } = await prepareSequences(model, given, context);
  const loss = lossOf({ teacher: model, ...state }, given, context);
  const method = { views, sites, penalty, inputs, onStep };
  const { weights } = await train({ model, ...loss, sequences, settings: given, context, ...method });
  const trained = withSeen(withWeights(model, weights, pruningDeed(use, version, given, context)), [seen]);
  return { model: await retrained((await finish?.(trained)) ?? trained, state, given.retrain, context) };
}

/** Views that put `view` on the linear weights and train all others as they are. */
export function linearViews(view: (spec: WeightSpec, stored: StoredWeight) => TrainableView): Views {
  return (spec, stored) => (spec.role === "linear" ? view(spec, stored) : trainAll(spec, stored));
}
