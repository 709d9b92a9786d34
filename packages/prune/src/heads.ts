import { defineStage, type Context, type Stage } from "@pare/core";
import type { Checkpoint, Deed, HeadGroup } from "@pare/models";
import { fork, uniform, type HostTensor } from "@pare/tensor-core";
import { subjectOf } from "@pare/training";
import { z } from "zod";
import { importanceMissing, importanceUnfit } from "./errors.ts";
import { chooseHeads, normaliseByLayer, type HeadScores } from "./head-choice.ts";
import type { Axis } from "./axis.ts";
import { cutModel, refuseQuantizedAlong } from "./cut-model.ts";
import { dependenciesOf, type Dependencies } from "./dependencies.ts";
import { measure } from "./head-importance.ts";
import type { HeadImportance, MeasuredScore } from "./importance.ts";
import type { MeasuringSettings } from "./measuring.ts";
import { pruningDeed, retrained, type PruneState } from "./retrain.ts";
import { refuseUnknown, shareField, shareOf, type Share } from "./share.ts";
import { sliceTensor } from "./slice-tensor.ts";
import { structuredFields, type StructuredPruningOptions } from "./structured-pruning.ts";

const ID = "prune/heads";
const VERSION = 1;

type Score = MeasuredScore | "magnitude" | "random";

/** Options of {@link heads}. */
export interface HeadsOptions extends StructuredPruningOptions {
  /**
   * Share of all heads to remove; exactly one of `fraction` and `count` is given. By site (`layers.0.attention.heads`) of each layer's:
   * those not named stay whole.
   */
  readonly fraction?: Share | undefined;
  /** Heads to remove. */
  readonly count?: number | undefined;
  /**
   * - "michel": loss gradient at each head's output, from the run state's `importance` or measured on `data`; each layer normalised.
   * - "confidence", "entropy": how sure the head is of what it looks at, from there too; layers compare as they are.
   * - "magnitude": L2 norm of the columns of the output projection that read the head; each layer normalised. Needs no data.
   * - "random": from the run's seed; a baseline.
   *
   * Default: what the importance in the run state was measured by, "michel" where there is data, else "magnitude"; the choice is an
   * event of the run.
   */
  readonly score?: Score | undefined;
  /** Whether "michel" and "magnitude" divide each layer's scores by their L2 norm, default true: what Michel et al. do. */
  readonly normalise?: boolean | undefined;
  /** Score what is left anew after so many heads have gone; default: all go by one scoring. */
  readonly rescore?: number | undefined;
  /** Remove the same number from every layer. Default false. */
  readonly even?: boolean | undefined;
}

type Settings = HeadsOptions & MeasuringSettings & { readonly even: boolean; readonly normalise: boolean };

const options: z.ZodType<Settings, HeadsOptions> = z
  .object({
    fraction: shareField.optional().describe("share of all heads to remove, or shares by site"),
    count: z.int().min(0).optional().describe("heads to remove"),
    score: z
      .enum(["michel", "confidence", "entropy", "magnitude", "random"])
      .optional()
      .describe("default: that of the importance given, michel where data is given, else magnitude"),
    normalise: z.boolean().default(true).describe("divide each layer's scores by their norm (michel, magnitude)"),
    rescore: z.int().min(1).optional().describe("score anew after so many heads have gone"),
    even: z.boolean().default(false).describe("remove the same number from every layer"),
    ...structuredFields,
  })
  .refine(({ fraction, count }) => (fraction === undefined) !== (count === undefined), {
    message: "give one of `fraction` and `count`",
    path: ["fraction"],
  })
  .refine(({ fraction, even }) => typeof fraction !== "object" || !even, {
    message: "shares by site are what each layer loses: leave `even` out",
    path: ["even"],
  })
  .refine(({ rescore, score, data }) => rescore === undefined || score === "magnitude" || (data !== undefined && score !== "random"), {
    message: 'scoring anew needs `data`, or the score "magnitude"',
    path: ["rescore"],
  })
  .refine(({ normalise, score }) => normalise || score === undefined || score === "michel" || score === "magnitude", {
    message: 'only the scores "michel" and "magnitude" are normalised',
    path: ["normalise"],
  });

/**
 * Removes the attention heads that matter least, by one scoring or, with `rescore`, by several: their rows and columns leave the weights,
 * and the config says so. A key/value head goes with the last query head that reads it; every layer keeps a head. Masks and sparse
 * storages stay what they are.
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
    const sites = groups.map(({ site }) => site);
    const dependencies = dependenciesOf(architecture, state.model.config, sites);
    refuseQuantizedAlong(
      state.model,
      dependencies,
      sites.map((site) => dependencies.axis(site, 2)),
    );
    refuseUnknown(given.fraction, "fraction", sites);
    let left = countsOf(groups, given);
    const deed = pruningDeed(ID, VERSION, given, context);
    const gone: Record<string, number> = {};
    let { model } = state;
    while (left.some(({ count }) => count > 0)) {
      const now = left.map(({ of, count }) => ({ of, count: Math.min(count, given.rescore ?? count) }));
      left = left.map(({ of, count }, i) => ({ of, count: count - now[i].count }));
      const last = left.every(({ count }) => count === 0);
      model = await withoutLeast({ ...state, model }, { counts: now, gone, deed: last ? deed : undefined }, given, context);
    }
    return { model: await retrained(model, state, given.retrain, context) };
  },
});

interface Round {
  readonly counts: readonly Counted[];
  /** By site, how many heads earlier rounds removed; those of this one are added. */
  readonly gone: Record<string, number>;
  readonly deed: Deed | undefined;
}

async function withoutLeast(state: PruneState, { counts, gone, deed }: Round, given: Settings, context: Context): Promise<Checkpoint> {
  const { model } = state;
  const { architecture } = subjectOf(model, context.registry);
  const groups = architecture.heads(model.config);
  const sites = groups.map(({ site }) => site);
  const dependencies = dependenciesOf(architecture, model.config, sites);
  const axes = new Map(sites.map((site) => [site, dependencies.axis(site, 2)]));
  const scores = await score(state, { groups, axes, dependencies }, given, context);
  const chosen: Record<string, readonly number[]> = Object.assign(
    {},
    ...counts.map(({ of, count }) =>
      chooseHeads(new Map([...scores].filter(([site]) => of.includes(site))), { count, even: given.even, gone }),
    ),
  );
  for (const { site, keyValueHeads } of groups) gone[site] = (gone[site] ?? 0) + keyValueHeads.length - chosen[site].length;
  const kept = new Map(sites.map((site) => [axes.get(site)!, chosen[site]]));
  return await cutModel({ model, architecture, dependencies, kept, config: architecture.withHeads(model.config, chosen), deed, context });
}

/** How many go of which layers together. */
interface Counted {
  /** Sites. */
  readonly of: readonly string[];
  readonly count: number;
}

function countsOf(groups: readonly HeadGroup[], { count, fraction = 0 }: Settings): Counted[] {
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
  const chosen = given.score ?? (given.data === undefined ? (importance?.score ?? "magnitude") : "michel");
  const why =
    given.score !== undefined
      ? "asked for"
      : given.data !== undefined
        ? "data is given"
        : importance === undefined
          ? "neither importance nor data is given"
          : "importance is given";
  context.emit({ type: "choice", what: "score of heads", chosen, why });
  if (chosen === "random") return randomScores(groups, context.seed);
  const comparable = given.normalise && (chosen === "michel" || chosen === "magnitude") ? normaliseByLayer : (scores: HeadScores) => scores;
  if (chosen === "magnitude") return comparable(await magnitudes(state.model, heads));
  const { data } = given;
  if (data !== undefined) return comparable((await measure(state, { ...given, data, score: chosen }, context)).scores);
  if (importance === undefined || importance.score !== chosen)
    throw importanceMissing({ use: ID, score: chosen, found: importance?.score });
  return comparable(fitting(importance.scores, groups));
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
