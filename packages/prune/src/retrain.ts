/** Training after a pruning step, by whatever stage the recipe names. */
import { filesWithin, isPluginRef, resolveStep, toJson, type Context, type PluginRef, type Step } from "@pare/core";
import type { Checkpoint, Deed } from "@pare/models";
import { z } from "zod";

/** A step, or `{ use: "train/finetune", … }`. */
export type Retrain = PluginRef | Step<{ model: Checkpoint }, { model: Checkpoint }>;

/** For the schema of a stage that is given one. */
export const trainField: z.ZodType<Retrain, Retrain> = z.custom<Retrain>(
  (value) => isPluginRef(value) || typeof (value as { run?: unknown } | null)?.run === "function",
  "a step, or { use: <stage>, … }",
);

/** For the schema of a pruning stage. */
export const retrainField: z.ZodOptional<z.ZodType<Retrain, Retrain>> = trainField
  .describe("a step that trains what is left; what was pruned stays pruned")
  .optional();

export interface PruneState {
  readonly model: Checkpoint;
  readonly [name: string]: unknown;
}

/**
 * Runs `retrain` on the pruned model. It sees the rest of the run state; without a teacher there, the model from before pruning
 * is the teacher. Throws `core/plugin-unknown` and what the step throws.
 */
export async function retrained(
  pruned: Checkpoint,
  state: PruneState,
  retrain: Retrain | undefined,
  context: Context,
): Promise<Checkpoint> {
  if (retrain === undefined) return pruned;
  const step: Step<PruneState, { model?: Checkpoint }> = resolveStep(context.registry, retrain, "retrain");
  // A stage that trained to prune keeps a snapshot of that; its retraining has one of its own.
  const scratch = context.scratch && filesWithin(context.scratch, "retrain");
  const { model } = await step.run({ teacher: state.model, ...state, model: pruned }, { ...context, scratch });
  return model ?? pruned;
}

/** What a pruning step with these options did to a model; the step to retrain with leaves its own deed. */
export function pruningDeed(
  use: string,
  version: number,
  { retrain: _retrain, ...options }: { readonly retrain?: Retrain | undefined },
  { seed }: Pick<Context, "seed">,
): Deed {
  return { use, version, options: toJson(options, "options"), seed };
}
