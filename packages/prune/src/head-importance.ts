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
import { headConfidence, headNegentropy } from "./attention-scores.ts";
import { headImportance, type HeadImportance, type MeasuredScore } from "./importance.ts";
import { michelImportance } from "./michel.ts";
import type { PruneState } from "./retrain.ts";

const ID = "prune/head-importance";
const VERSION = 2;

/** Options of {@link measureHeads}: the calibration data, and what is measured on it. */
export interface HeadImportanceOptions extends DataOptions {
  /**
   * - "michel": the loss's gradient in a gate on the head. Default.
   * - "confidence": the mean largest attention weight. "entropy": that of the attention weights; the most spread heads matter least.
   */
  readonly score?: MeasuredScore | undefined;
  /** The loss of "michel". Default `{ use: "next-token" }`. */
  readonly objective?: ObjectiveReference | undefined;
  /** Examples per run on the device, default 16; changes nothing but rounding. */
  readonly batch?: number | undefined;
}

export interface MeasureSettings extends DataOptions {
  readonly score: MeasuredScore;
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

const options: z.ZodType<MeasureSettings, HeadImportanceOptions> = z
  .object({
    score: z.enum(["michel", "confidence", "entropy"]).default("michel").describe("by the loss's gradient, or by the attention weights"),
    ...dataFields,
    ...measureFields,
  })
  .refine(({ score, objective }) => objective === undefined || score === "michel", {
    message: 'only the score "michel" reads an objective',
    path: ["objective"],
  });

/** Measures how much each attention head matters (see `michelImportance`, `headConfidence` and `headNegentropy`) and leaves it in the run state for `prune/heads`. */
export const measureHeads: Stage<typeof ID, HeadImportanceOptions, PruneState, { importance: HeadImportance }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => ({ importance: await measure(state, given, context) }),
});

/** Throws `prune/attention-unseen` and what `prepareSequences` and `train` throw of data, device and objective. */
export async function measure(state: PruneState, given: MeasureSettings, context: Context): Promise<HeadImportance> {
  const { model } = state;
  const { score, batch } = given;
  const { sequences } = await prepareSequences(model, given, context);
  if (score !== "michel") {
    const look = score === "confidence" ? headConfidence : headNegentropy;
    return headImportance(await look({ model, sequences, batch, context, use: ID }), sequences.length, score);
  }
  const objective = objectiveFor(given.objective, subjectOf(model, context.registry), context.registry);
  const models = state as Readonly<Record<string, Checkpoint>>;
  return headImportance(await michelImportance({ model, models, objective, sequences, batch, context }), sequences.length);
}
