import { defineStage, toJson, type Context, type Stage } from "@pare/core";
import type { Checkpoint, HeadGroup } from "@pare/models";
import { fork, uniform, type HostTensor } from "@pare/tensor-core";
import { dataFields, subjectOf } from "@pare/training";
import { z } from "zod";
import { importanceMissing, importanceUnfit } from "./errors.ts";
import { chooseHeads, normaliseByLayer, type HeadScores } from "./head-choice.ts";
import type { Axis } from "./axis.ts";
import { cutModel, refuseQuantizedAlong } from "./cut-model.ts";
import { dependenciesOf, type Dependencies } from "./dependencies.ts";
import { measure, measureFields, type HeadImportanceOptions } from "./head-importance.ts";
import type { HeadImportance } from "./importance.ts";
import { retrained, retrainField, type PruneState, type Retrain } from "./retrain.ts";
import { refuseUnknown, shareField, shareOf, type Share } from "./share.ts";
import { sliceTensor } from "./slice-tensor.ts";

const ID = "prune/heads";
const VERSION = 1;

type Score = "michel" | "magnitude" | "random";

/** Options of {@link heads}. */
export interface HeadsOptions extends Omit<HeadImportanceOptions, "data"> {
  /**
   * Share of all heads to remove; exactly one of `fraction` and `count` is given. By site (`layers.0.attention.heads`) of each layer's:
   * those not named stay whole.
   */
  readonly fraction?: Share | undefined;
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
    fraction: shareField.optional().describe("share of all heads to remove, or shares by site"),
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
  })
  .refine(({ fraction, even }) => typeof fraction !== "object" || !even, {
    message: "shares by site are what each layer loses: leave `even` out",
    path: ["even"],
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
    const { model } = state;
    const groups = architecture.heads(model.config);
    const sites = groups.map(({ site }) => site);
    const dependencies = dependenciesOf(architecture, model.config, sites);
    const axes = new Map(sites.map((site) => [site, dependencies.axis(site, 2)]));
    refuseQuantizedAlong(model, dependencies, axes.values());
    refuseUnknown(given.fraction, "fraction", sites);
    const counts = countsOf(groups, given);
    if (counts.every(({ count }) => count === 0)) return { model: await retrained(model, state, given.retrain, context) };
    const scores = await score(state, { groups, axes, dependencies }, given, context);
    const chosen: Record<string, readonly number[]> = Object.assign(
      {},
      ...counts.map(({ of, count }) =>
        chooseHeads(new Map([...scores].filter(([site]) => of.includes(site))), { count, even: given.even }),
      ),
    );
    const { retrain: _retrain, ...rest } = given;
    const pruned = await cutModel({
      model,
      architecture,
      dependencies,
      kept: new Map(sites.map((site) => [axes.get(site)!, chosen[site]])),
      config: architecture.withHeads(model.config, chosen),
      deed: { use: ID, version: VERSION, options: toJson(rest, "options"), seed: context.seed },
      context,
    });
    return { model: await retrained(pruned, state, given.retrain, context) };
  },
});

/** How many go of which layers together. */
function countsOf(
  groups: readonly HeadGroup[],
  { count, fraction = 0 }: Settings,
): { readonly of: readonly string[]; readonly count: number }[] {
  const total = (of: readonly HeadGroup[]): number => of.reduce((sum, { keyValueHeads }) => sum + keyValueHeads.length, 0);
  if (typeof fraction === "number") return [{ of: groups.map(({ site }) => site), count: count ?? Math.round(fraction * total(groups)) }];
  return groups.map((group) => ({
    of: [group.site],
    count: Math.min(Math.round(shareOf(fraction, group.site) * total([group])), total([group]) - 1),
  }));
}

interface Heads {
  readonly groups: readonly HeadGroup[];
  /** By site. */
  readonly axes: ReadonlyMap<string, Axis>;
  readonly dependencies: Dependencies;
}

async function score(state: PruneState, heads: Heads, given: Settings, context: Context): Promise<HeadScores> {
  const { groups } = heads;
  const importance = state["importance"] as HeadImportance | undefined;
  const chosen = given.score ?? (importance !== undefined || given.data !== undefined ? "michel" : "magnitude");
  const why =
    given.score !== undefined ? "asked for" : chosen === "michel" ? "importance or data is given" : "neither importance nor data is given";
  context.emit({ type: "choice", what: "score of heads", chosen, why });
  if (chosen === "random") return randomScores(groups, context.seed);
  if (chosen === "magnitude") return normaliseByLayer(await magnitudes(state.model, heads));
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

async function magnitudes(model: Checkpoint, { groups, axes, dependencies }: Heads): Promise<HeadScores> {
  const scores = new Map<string, readonly number[]>();
  for (const { site, keyValueHeads } of groups) {
    const norms: number[] = [];
    for (let head = 0; head < keyValueHeads.length; head++) {
      const columns = dependencies.cuts(new Map([[axes.get(site)!, [head]]])).filter(({ axis }) => axis === 1);
      let squares = 0;
      for (const { weight, kept } of columns) squares += l2(sliceTensor(await model.weights.get(weight)!.dense(), 1, kept)) ** 2;
      norms.push(Math.sqrt(squares));
    }
    scores.set(site, norms);
  }
  return scores;
}

function l2({ data }: HostTensor): number {
  let squares = 0;
  for (const value of data as Float32Array) squares += value * value;
  return Math.sqrt(squares);
}
