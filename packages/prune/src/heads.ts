import { defineStage, toJson, type Context, type Stage } from "@pare/core";
import { withConfig, type Checkpoint, type HeadGroup } from "@pare/models";
import { fork, uniform, type HostTensor } from "@pare/tensor-core";
import { dataFields, subjectOf } from "@pare/training";
import { z } from "zod";
import { importanceMissing, importanceUnfit } from "./errors.ts";
import { chooseHeads, normaliseByLayer, type HeadScores } from "./head-choice.ts";
import { cutWeights } from "./cuts.ts";
import { headCuts } from "./head-cuts.ts";
import { measure, measureFields, type HeadImportanceOptions } from "./head-importance.ts";
import type { HeadImportance } from "./importance.ts";
import { refuseQuantized } from "./prunable.ts";
import { retrained, retrainField, type PruneState, type Retrain } from "./retrain.ts";
import { sliceTensor } from "./slice-tensor.ts";

const ID = "prune/heads";
const VERSION = 1;

type Score = "michel" | "magnitude" | "random";

/** Options of {@link heads}. */
export interface HeadsOptions extends Omit<HeadImportanceOptions, "data"> {
  /** Share of all heads to remove; exactly one of `fraction` and `count` is given. */
  readonly fraction?: number | undefined;
  /** Heads to remove. */
  readonly count?: number | undefined;
  /**
   * - "michel": loss gradient at each head's output, from the run state's `importance` or measured on `data`; each layer normalised.
   * - "magnitude": L2 norm of the columns of the output projection that read the head; each layer normalised. Needs no data.
   * - "random": from the run's seed; a baseline.
   *
   * Default: "michel" where there is importance or data, else "magnitude"; the choice is an event of the run.
   */
  readonly score?: Score | undefined;
  /** Calibration data for "michel". */
  readonly data?: HeadImportanceOptions["data"] | undefined;
  /** Remove the same number from every layer. Default false. */
  readonly even?: boolean | undefined;
  /** A step that trains what is left. */
  readonly retrain?: Retrain | undefined;
}

type Settings = Omit<HeadsOptions, "batch" | "even"> & { readonly batch: number; readonly even: boolean };

const options: z.ZodType<Settings, HeadsOptions> = z
  .object({
    fraction: z.number().min(0).lt(1).optional().describe("share of all heads to remove"),
    count: z.int().min(0).optional().describe("heads to remove"),
    score: z
      .enum(["michel", "magnitude", "random"])
      .optional()
      .describe("default: michel where importance or data is given, else magnitude"),
    even: z.boolean().default(false).describe("remove the same number from every layer"),
    ...dataFields,
    data: dataFields.data.optional(),
    ...measureFields,
    retrain: retrainField,
  })
  .refine(({ fraction, count }) => (fraction === undefined) !== (count === undefined), {
    message: "give one of `fraction` and `count`",
    path: ["fraction"],
  });

/**
 * Removes the attention heads that matter least: their rows and columns leave the weights, and the config says so. A key/value
 * head goes with the last query head that reads it; every layer keeps a head. Masks and sparse storages stay what they are.
 *
 * @throws `prune/quantized-weight`, `prune/too-many-heads`, `prune/importance-missing`, `prune/importance-unfit`, what measuring throws.
 */
export const heads: Stage<typeof ID, HeadsOptions, PruneState, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => {
    const { architecture } = subjectOf(state.model, context.registry);
    const groups = architecture.heads(state.model.config);
    refuseQuantized(
      state.model,
      groups.flatMap(({ query, keyValue, output }) => [...query, ...keyValue, ...output]),
    );
    const total = groups.reduce((sum, { keyValueHeads }) => sum + keyValueHeads.length, 0);
    const count = given.count ?? Math.round(given.fraction! * total);
    if (count === 0) return { model: await retrained(state.model, state, given.retrain, context) };
    const scores = await score(state, groups, given, context);
    const kept = chooseHeads(scores, { count, even: given.even });
    const cuts = groups.flatMap((group) => headCuts(group, kept[group.site]));
    const { retrain: _retrain, ...rest } = given;
    const deed = { use: ID, version: VERSION, options: toJson(rest, "options"), seed: context.seed };
    const pruned = withConfig(
      state.model,
      architecture.withHeads(state.model.config, kept),
      await cutWeights(state.model, cuts, context),
      deed,
    );
    return { model: await retrained(pruned, state, given.retrain, context) };
  },
});

async function score(state: PruneState, groups: readonly HeadGroup[], given: Settings, context: Context): Promise<HeadScores> {
  const importance = state["importance"] as HeadImportance | undefined;
  const chosen = given.score ?? (importance !== undefined || given.data !== undefined ? "michel" : "magnitude");
  const why =
    given.score !== undefined ? "asked for" : chosen === "michel" ? "importance or data is given" : "neither importance nor data is given";
  context.emit({ type: "choice", what: "score of heads", chosen, why });
  if (chosen === "random") return randomScores(groups, context.seed);
  if (chosen === "magnitude") return normaliseByLayer(await magnitudes(state.model, groups));
  const { data } = given;
  if (data !== undefined) return normaliseByLayer((await measure(state, { ...given, data }, context)).scores);
  if (importance === undefined) throw importanceMissing({ use: ID });
  return normaliseByLayer(fitting(importance.scores, groups));
}

function fitting(scores: HeadScores, groups: readonly HeadGroup[]): HeadScores {
  const show = (counts: readonly (number | undefined)[]): string => `layers with ${counts.map((count) => count ?? "no").join(", ")} heads`;
  const expected = groups.map(({ keyValueHeads }) => keyValueHeads.length);
  const found = groups.map(({ site }) => scores.get(site)?.length);
  if (expected.join() !== found.join()) throw importanceUnfit({ expected: show(expected), found: show(found) });
  return new Map(groups.map(({ site }) => [site, scores.get(site)!]));
}

function randomScores(groups: readonly HeadGroup[], seed: number): HeadScores {
  const key = fork(seed, ID);
  return new Map(groups.map(({ site, keyValueHeads }, layer) => [site, Array.from(uniform(key, layer, keyValueHeads.length))]));
}

async function magnitudes(model: Checkpoint, groups: readonly HeadGroup[]): Promise<HeadScores> {
  const scores = new Map<string, readonly number[]>();
  for (const { site, headDim, keyValueHeads, output } of groups) {
    const tensors: HostTensor[] = [];
    for (const name of output) tensors.push(await model.weights.get(name)!.dense());
    const norm = (head: number): number => {
      const columns = Array.from({ length: headDim }, (_, i) => head * headDim + i);
      return Math.hypot(...tensors.map((tensor) => l2(sliceTensor(tensor, 1, columns))));
    };
    scores.set(
      site,
      keyValueHeads.map((_, head) => norm(head)),
    );
  }
  return scores;
}

function l2({ data }: HostTensor): number {
  let squares = 0;
  for (const value of data as Float32Array) squares += value * value;
  return Math.sqrt(squares);
}
