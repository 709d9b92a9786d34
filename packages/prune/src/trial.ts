import { defineStage, isPluginRef, resolveStep, type PluginRef, type Stage, type Step } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { dataFields, prepareSequences, type DataOptions } from "@pare/training";
import { z } from "zod";
import { heldOutLoss } from "./held-out-loss.ts";
import { costsOf, type Costs, type LatencyOptions } from "./measures.ts";
import { lossOf, measuringFields, type MeasuringOptions, type MeasuringSettings } from "./measuring.ts";
import type { PruneState } from "./retrain.ts";

const ID = "prune/trial";
const VERSION = 1;

/** Options of {@link trial}. */
export interface TrialOptions extends DataOptions, MeasuringOptions {
  /** What is tried; absent: the model as it is. */
  readonly step?: PluginRef | undefined;
  /** Times a forward pass as well. Times are not the same twice, and a run that is repeated keeps those of the first. */
  readonly latency?: LatencyOptions | undefined;
}

type Settings = TrialOptions & MeasuringSettings;

/** What a trial found: the mean loss over what is predicted, and what the model takes. */
export interface Trial extends Costs {
  readonly loss: number;
}

/** Fields of {@link TrialOptions} beside the step, for the schema of stages that make trials. */
export const trialFields: typeof dataFields &
  typeof measuringFields & { readonly latency: z.ZodOptional<z.ZodType<LatencyOptions, LatencyOptions>> } = {
  ...dataFields,
  ...measuringFields,
  latency: z
    .object({ tokens: z.int().min(1).describe("tokens of the row that runs"), rounds: z.int().min(1).describe("runs the median is of") })
    .optional()
    .describe("times a forward pass as well"),
};

const options: z.ZodType<Settings, TrialOptions> = z.object({
  step: z.custom<PluginRef>(isPluginRef, "{ use: <stage>, … }").optional().describe("what is tried; absent: the model as it is"),
  ...trialFields,
});

/**
 * Runs a step on the model and measures what comes out: the loss on `data`, parameters, bytes, work, and time where asked. The model of
 * the run state stays what it is; the data has not been seen by it. Scans are made of trials.
 *
 * @throws `core/plugin-unknown`, what the step throws, what `prepareSequences` and `heldOutLoss` throw.
 */
export const trial: Stage<typeof ID, TrialOptions, PruneState, { trial: Trial }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => {
    const step: Step<PruneState, { model?: Checkpoint }> | undefined = given.step && resolveStep(context.registry, given.step, "step");
    const model = (await step?.run(state, context))?.model ?? state.model;
    const measured = lossOf(state, given, context, model);
    const { sequences } = await prepareSequences(model, given, context);
    const loss = await heldOutLoss({ model, ...measured, sequences, batch: given.batch, context, use: ID });
    const found: Trial = { loss, ...(await costsOf(model, context, given.latency)) };
    context.emit({ type: "metric", name: "trial", ...found });
    return { trial: found };
  },
});
