import { defineStage, isPluginRef, resolveStep, type PluginRef, type Stage, type Step } from "@pare/core";
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
import { heldOutLoss } from "./held-out-loss.ts";
import { costsOf, type Costs, type LatencyOptions } from "./measures.ts";
import type { PruneState } from "./retrain.ts";

const ID = "prune/trial";
const VERSION = 1;

/** Options of {@link trial}. */
export interface TrialOptions extends DataOptions {
  /** What is tried; absent: the model as it is. */
  readonly step?: PluginRef | undefined;
  /** What the loss is. Default: what a model of its head is trained on. */
  readonly objective?: ObjectiveReference | undefined;
  /** Examples per run on the device, default 16; changes nothing but rounding. */
  readonly batch?: number | undefined;
  /** Times a forward pass as well. Times are not the same twice, and a run that is repeated keeps those of the first. */
  readonly latency?: LatencyOptions | undefined;
}

interface Settings extends Omit<TrialOptions, "batch"> {
  readonly batch: number;
}

/** What a trial found: the mean loss over what is predicted, and what the model takes. */
export interface Trial extends Costs {
  readonly loss: number;
}

/** Fields of {@link TrialOptions} beside the step, for the schema of stages that make trials. */
export const trialFields: typeof dataFields & {
  readonly objective: z.ZodOptional<z.ZodType<ObjectiveReference, ObjectiveReference>>;
  readonly batch: z.ZodDefault<z.ZodNumber>;
  readonly latency: z.ZodOptional<z.ZodType<LatencyOptions, LatencyOptions>>;
} = {
  ...dataFields,
  objective: objectiveField.optional(),
  batch: z.int().min(1).default(16).describe("examples per run on the device"),
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
    const objective = objectiveFor(given.objective, subjectOf(model, context.registry), context.registry);
    const { sequences } = await prepareSequences(model, given, context);
    const models = state as Readonly<Record<string, Checkpoint>>;
    const loss = await heldOutLoss({ model, models, objective, sequences, batch: given.batch, context, use: ID });
    const found: Trial = { loss, ...(await costsOf(model, context, given.latency)) };
    context.emit({ type: "metric", name: "trial", ...found });
    return { trial: found };
  },
});
