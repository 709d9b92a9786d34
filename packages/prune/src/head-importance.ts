import { defineStage, type Context, type Stage } from "@pare/core";
import { dataFields, prepareSequences, type DataOptions } from "@pare/training";
import { z } from "zod";
import { headConfidence, headNegentropy } from "./attention-scores.ts";
import { headImportance, type HeadImportance, type MeasuredScore } from "./importance.ts";
import { lossOf, measuringFields, type MeasuringOptions, type MeasuringSettings } from "./measuring.ts";
import { michelImportance } from "./michel.ts";
import type { PruneState } from "./retrain.ts";

const ID = "prune/head-importance";
const VERSION = 2;

/** Options of {@link measureHeads}: the calibration data, and what is measured on it. */
export interface HeadImportanceOptions extends DataOptions, MeasuringOptions {
  /**
   * - "michel": the loss's gradient in a gate on the head. Default.
   * - "confidence": the mean largest attention weight. "entropy": that of the attention weights; the most spread heads matter least.
   */
  readonly score?: MeasuredScore | undefined;
}

interface Settings extends DataOptions, MeasuringSettings {
  readonly score: MeasuredScore;
}

const options: z.ZodType<Settings, HeadImportanceOptions> = z
  .object({
    score: z.enum(["michel", "confidence", "entropy"]).default("michel").describe("by the loss's gradient, or by the attention weights"),
    ...dataFields,
    ...measuringFields,
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
export async function measure(state: PruneState, given: Settings, context: Context): Promise<HeadImportance> {
  const { model } = state;
  const { score, batch } = given;
  const { sequences } = await prepareSequences(model, given, context);
  if (score !== "michel") {
    const look = score === "confidence" ? headConfidence : headNegentropy;
    return headImportance(await look({ model, sequences, batch, context, use: ID }), sequences.length, score);
  }
  return headImportance(await michelImportance({ model, ...lossOf(state, given, context), sequences, batch, context }), sequences.length);
}
