import { defineStage, type Context, type Stage } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import {
  dataFields,
  objectiveField,
  objectiveFor,
  prepareSequences,
  subjectOf,
  type DataOptions,
  type ObjectiveReference,
} from "@pare/training";
import { z } from "zod";
import { headImportance, type HeadImportance } from "./importance.ts";
import { michelImportance } from "./michel.ts";
import type { PruneState } from "./retrain.ts";

const ID = "prune/head-importance";
const VERSION = 1;

/** Options of {@link measureHeads}: the calibration data, and what its loss is. */
export interface HeadImportanceOptions extends DataOptions {
  /** Default `{ use: "next-token" }`. */
  readonly objective?: ObjectiveReference | undefined;
  /** Examples per run on the device, default 16; changes nothing but rounding. */
  readonly batch?: number | undefined;
}

export interface MeasureSettings extends DataOptions {
  readonly objective?: ObjectiveReference | undefined;
  readonly batch: number;
}

/** Fields of {@link HeadImportanceOptions} beside the data, for a stage's schema. */
export const measureFields: {
  readonly objective: z.ZodOptional<z.ZodType<ObjectiveReference, ObjectiveReference>>;
  readonly batch: z.ZodDefault<z.ZodNumber>;
} = {
  objective: objectiveField.optional(),
  batch: z.int().min(1).default(16).describe("examples per run on the device"),
};

const options: z.ZodType<MeasureSettings, HeadImportanceOptions> = z.object({ ...dataFields, ...measureFields });

/** Measures how much each attention head matters (see `michelImportance`) and leaves it in the run state for `prune/heads`. */
export const measureHeads: Stage<typeof ID, HeadImportanceOptions, PruneState, { importance: HeadImportance }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => ({ importance: await measure(state, given, context) }),
});

/** Throws what `prepareSequences` and `train` throw of data, device and objective. */
export async function measure(state: PruneState, given: MeasureSettings, context: Context): Promise<HeadImportance> {
  const objective = objectiveFor(given.objective, subjectOf(state.model, context.registry), context.registry);
  const { sequences } = await prepareSequences(state.model, given, context);
  const models = state as Readonly<Record<string, Checkpoint>>;
  const scores = await michelImportance({ model: state.model, models, objective, sequences, batch: given.batch, context });
  return headImportance(scores, sequences.length);
}
