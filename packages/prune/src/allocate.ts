import { defineStage, resolveStep, type PluginRef, type Stage, type Step } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { z } from "zod";
import { budgetUnreachable, sensitivityMissing } from "./errors.ts";
import { solveAllocation, type Level } from "./knapsack.ts";
import { retrained, retrainField, type PruneState, type Retrain } from "./retrain.ts";
import type { Currency, Sensitivity } from "./sensitivity.ts";
import type { Trial } from "./trial.ts";

const ID = "prune/allocate";
const VERSION = 1;

export interface Budget {
  readonly of: Currency;
  /** What may be left, as a share of what the whole model takes; above 0, below 1. Exactly one of `share` and `total` is given. */
  readonly share?: number | undefined;
  /** What may be left: parameters, bytes, operations per token, seconds. */
  readonly total?: number | undefined;
}

/** Options of {@link allocate}. */
export interface AllocateOptions {
  readonly budget: Budget;
  /** A step that trains what is left. */
  readonly retrain?: Retrain | undefined;
}

const options: z.ZodType<AllocateOptions, AllocateOptions> = z.object({
  budget: z
    .object({
      of: z.enum(["parameters", "bytes", "flops", "seconds"]).describe("what is counted"),
      share: z.number().gt(0).lt(1).optional().describe("what may be left, of the whole"),
      total: z.number().positive().optional().describe("what may be left"),
    })
    .refine(({ share, total }) => (share === undefined) !== (total === undefined), {
      message: "give one of `share` and `total`",
      path: ["share"],
    }),
  retrain: retrainField,
});

/** What was allotted. Plain JSON. */
export interface Allocation {
  /** Share that goes, by group of the scan. */
  readonly shares: Readonly<Record<string, number>>;
  readonly of: Currency;
  /** What the scan says is left, and the loss if the parts' losses add up. */
  readonly expected: { readonly cost: number; readonly loss: number };
}

/**
 * Prunes each part as a `prune/scan` before says is least bad within a budget: of each group one of the shares that were tried, so that
 * the sum of what each adds to the loss is least and what is left keeps to the budget (a multiple-choice knapsack, solved by dynamic
 * programming as Frantar and Alistarh do in "SPDY", 2022, section 3). Then the scan's pruning stage runs with those shares.
 *
 * @throws `prune/sensitivity-missing`, `prune/budget-unreachable`, and what the pruning and the retraining step throw.
 */
export const allocate: Stage<typeof ID, AllocateOptions, PruneState, { model: Checkpoint; allocation: Allocation }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, { budget, retrain }, context) => {
    const sensitivity = state["sensitivity"] as Sensitivity | undefined;
    if (sensitivity === undefined) throw sensitivityMissing({ use: ID, of: "sensitivity" });
    const allocation = allot(sensitivity, budget);
    context.emit({ type: "metric", name: "allocation", ...allocation.expected });
    const { prune, option, groups } = sensitivity;
    const shares = groups.flatMap(({ name, parts }) => parts.map((part) => [part, allocation.shares[name]] as const));
    const ref: PluginRef = { ...prune, [option]: Object.fromEntries(shares.filter(([, share]) => share > 0)) };
    const step: Step<PruneState, { model?: Checkpoint }> = resolveStep(context.registry, ref, "prune");
    const { model = state.model } = await step.run(state, context);
    return { model: await retrained(model, state, retrain, context), allocation };
  },
});

/** Throws `prune/sensitivity-missing` where the scan timed nothing, `prune/budget-unreachable`. */
export function allot({ whole, groups }: Sensitivity, { of, share, total }: Budget): Allocation {
  const cost = (found: Trial): number => {
    const value = found[of];
    if (value === undefined) throw sensitivityMissing({ use: ID, of });
    return value;
  };
  const limit = total ?? share! * cost(whole);
  const levels = groups.map(({ points }): Level[] => [
    { share: 0, saves: 0, costs: 0 },
    ...points.map((point) => ({ share: point.share, saves: cost(whole) - cost(point), costs: point.loss - whole.loss })),
  ]);
  const solved = solveAllocation(levels, cost(whole) - limit);
  if (solved === undefined) {
    const most = levels.reduce((sum, each) => sum + Math.max(...each.map(({ saves }) => saves)), 0);
    throw budgetUnreachable({ of, limit, least: cost(whole) - most });
  }
  return {
    shares: Object.fromEntries(groups.map(({ name }, index) => [name, solved[index].share])),
    of,
    expected: {
      cost: solved.reduce((left, { saves }) => left - saves, cost(whole)),
      loss: solved.reduce((sum, { costs }) => sum + costs, whole.loss),
    },
  };
}
