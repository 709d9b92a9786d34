import { defineStage, toJson, type Stage } from "@pare/core";
import { withSeen, withWeights, type Checkpoint } from "@pare/models";
import { z } from "zod";
import { objectiveField, objectiveFor, type ObjectiveReference } from "./objective.ts";
import { dataFields, prepareSequences, type DataOptions } from "./sequences.ts";
import { ONE_LENGTH, oneLength, trainFields, type TrainOptionsGiven, type TrainSettings } from "./settings.ts";
import { subjectOf } from "./subject.ts";
import { train } from "./train.ts";

const ID = "train/finetune";
const VERSION = 2;

/** Options of {@link finetune}; see {@link TrainSettings} for the defaults. */
export interface FinetuneOptions extends DataOptions, TrainOptionsGiven {
  /** What is made smaller; default: what the model's head is for, `{ use: "next-token" }` of a language model. */
  readonly objective?: ObjectiveReference | undefined;
}

const options: z.ZodType<TrainSettings & DataOptions & { readonly objective?: ObjectiveReference | undefined }, FinetuneOptions> = z
  .object({ ...dataFields, ...trainFields, objective: objectiveField.optional() })
  .refine(oneLength, ONE_LENGTH);

/**
 * Trains all weights of a model on a data set, each in its own storage: what was pruned stays 0. The model remembers which
 * examples it saw. Further models that the objective reads come from the run state.
 *
 * @throws what `train` and `prepareSequences` throw.
 */
export const finetune: Stage<typeof ID, FinetuneOptions, { model: Checkpoint }, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/training",
  options,
  run: async (state: { readonly model: Checkpoint }, given, context) => {
    const { model } = state;
    const objective = objectiveFor(given.objective, subjectOf(model, context.registry), context.registry);
    const { sequences, seen } = await prepareSequences(model, given, context);
    const { weights } = await train({
      model,
      objective,
      models: state as Readonly<Record<string, Checkpoint>>,
      sequences,
      settings: given,
      context,
    });
    const deed = { use: ID, version: VERSION, options: toJson(given, "options"), seed: context.seed };
    return { model: withSeen(withWeights(model, weights, deed), [seen]) };
  },
});
