import { defineStage, filesWithin, isPluginRef, resolveStep, type PluginRef, type Stage, type Step } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { z } from "zod";
import { retrained, retrainField, type PruneState, type Retrain } from "./retrain.ts";

const ID = "prune/gradual";
const VERSION = 1;

/** Options of {@link gradual}. */
export interface GradualOptions {
  /** The pruning stage without its share: `{ use: "prune/magnitude", pattern: "4x1" }`. */
  readonly prune: PluginRef;
  /**
   * The option of that stage which takes the share: "sparsity" (default) counts what earlier rounds pruned, "fraction" is of what they
   * left (heads, neurons).
   */
  readonly share?: "sparsity" | "fraction" | undefined;
  /** Share that is gone before the first round, default 0: where the schedule starts. */
  readonly from?: number | undefined;
  /** Share that is gone after the last round; below 1. */
  readonly to: number;
  /** How many times a little is pruned and the rest trained. */
  readonly rounds: number;
  /** A step that trains what is left after every round. */
  readonly retrain?: Retrain | undefined;
}

interface Settings extends Omit<GradualOptions, "share" | "from"> {
  readonly share: "sparsity" | "fraction";
  readonly from: number;
}

const options: z.ZodType<Settings, GradualOptions> = z
  .object({
    prune: z.custom<PluginRef>(isPluginRef, "{ use: <pruning stage>, … }").describe("the pruning stage without its share"),
    share: z.enum(["sparsity", "fraction"]).default("sparsity").describe("its option that takes the share"),
    from: z.number().min(0).lt(1).default(0).describe("share that is gone before the first round"),
    to: z.number().gt(0).lt(1).describe("share that is gone after the last round"),
    rounds: z.int().min(1).describe("how many times a little is pruned and the rest trained"),
    retrain: retrainField,
  })
  .refine(({ from, to }) => from < to, { message: "`from` is less than `to`", path: ["from"] })
  .refine(({ prune, share }) => !(share in prune) && !("retrain" in prune), {
    message: "the schedule gives the share, and `retrain` stands beside `prune`",
    path: ["prune"],
  });

/**
 * Prunes in rounds, fast at first and slower towards the end: after round t of n the share s_t = s_f + (s_i − s_f)(1 − t/n)³ is gone
 * (Zhu and Gupta 2017, equation 1). Every round scores anew what the training before it left. Without a teacher in the run state the
 * model from before the first round is the teacher of all. Every round leaves the deeds of its steps.
 *
 * @throws `core/plugin-unknown` and what the steps throw.
 */
export const gradual: Stage<typeof ID, GradualOptions, PruneState, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => {
    let { model } = state;
    let gone = 0;
    for (let round = 1; round <= given.rounds; round++) {
      context.signal.throwIfAborted();
      const target = given.to + (given.from - given.to) * (1 - round / given.rounds) ** 3;
      const share = given.share === "sparsity" ? target : (target - gone) / (1 - gone);
      context.emit({ type: "metric", name: "share that is gone", round, value: target });
      // Training keeps one snapshot in its scratch files: each round has files of its own.
      const scratch = context.scratch && filesWithin(context.scratch, `round-${round}`);
      const own = { ...context, scratch };
      const step: Step<PruneState, { model?: Checkpoint }> = resolveStep(
        context.registry,
        { ...given.prune, [given.share]: share },
        "prune",
      );
      const { model: pruned = model } = await step.run({ ...state, model }, own);
      model = await retrained(pruned, state, given.retrain, own);
      gone = target;
      context.emit({ type: "progress", progress: { done: round, total: given.rounds, unit: "rounds", message: ID } });
    }
    return { model };
  },
});
