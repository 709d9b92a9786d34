import { defineStage, type Context, type Stage } from "@pare/core";
import { withSeen, type Architecture, type Checkpoint, type HiddenWidth } from "@pare/models";
import { div, fork, mean, mul, uniform, type Value } from "@pare/tensor-core";
import { prepareSequences, siteMeans, subjectOf } from "@pare/training";
import { z } from "zod";
import type { Axis } from "./axis.ts";
import { cutModel, refuseQuantizedAlong } from "./cut-model.ts";
import { dependenciesOf, type Dependencies } from "./dependencies.ts";
import { widthFixed, widthInvalid } from "./errors.ts";
import { normaliseByLayer } from "./head-choice.ts";
import { lossOf, type MeasuringSettings } from "./measuring.ts";
import { michelImportance } from "./michel.ts";
import { pruningDeed, retrained, type PruneState } from "./retrain.ts";
import { sliceSquares } from "./slice-squares.ts";
import { structuredFields, type StructuredPruningOptions } from "./structured-pruning.ts";

const ID = "prune/width";
const VERSION = 1;

type Score = "activation" | "taylor" | "magnitude" | "random";

/** Options of {@link width}. */
export interface WidthOptions extends StructuredPruningOptions {
  /** Share of the residual stream's channels to remove; exactly one of `fraction` and `size` is given. */
  readonly fraction?: number | undefined;
  /** The width that is left. */
  readonly size?: number | undefined;
  /**
   * Which channels go, those of the least score:
   * - "activation": √E[x_j² / mean_i x_i²], summed over what every layer reads and leaves, on `data`.
   * - "taylor": E|Σ x_j · ∂L/∂x_j| there, each layer normalised.
   * - "magnitude": squares of the weights that go with the channel, each weight's divided by its total. Needs no data.
   * - "random": from the run's seed; a baseline.
   *
   * Default: "activation" with `data`, else "magnitude"; the choice is an event of the run.
   */
  readonly score?: Score | undefined;
}

type Settings = WidthOptions & MeasuringSettings;

const readsData = (score: Score | undefined): boolean => score === "activation" || score === "taylor";

const options: z.ZodType<Settings, WidthOptions> = z
  .object({
    fraction: z.number().min(0).lt(1).optional().describe("share of the residual stream's channels to remove"),
    size: z.int().min(1).optional().describe("the width that is left"),
    score: z
      .enum(["activation", "taylor", "magnitude", "random"])
      .optional()
      .describe("which channels go; default: activation where data is given, else magnitude"),
    ...structuredFields,
  })
  .refine(({ fraction, size }) => (fraction === undefined) !== (size === undefined), {
    message: "give one of `fraction` and `size`",
    path: ["fraction"],
  })
  .refine(({ data, score }) => score === undefined || (data !== undefined) === readsData(score), {
    message: 'the scores "activation" and "taylor" read data, the others do not',
    path: ["data"],
  })
  .refine(({ objective, score }) => objective === undefined || score === "taylor", {
    message: 'only the score "taylor" reads an objective',
    path: ["objective"],
  });

/**
 * Makes the residual stream narrower: the same channels leave every embedding, norm and matrix that reads or writes it, as the traced
 * graph says (`dependenciesOf`); heads keep their width and neurons their number. A task's own hidden layer that the config makes as wide
 * loses its least neurons by magnitude. Of n channels round(fraction · n) go, of equal scores the earlier. Norms then average over the
 * channels that are left.
 *
 * @throws `prune/width-fixed`, `prune/width-invalid`, `prune/axis-bound`, `prune/config-disagrees`, `prune/quantized-weight`, what
 * `prepareSequences` and `siteMeans` throw, and the retraining step.
 */
export const width: Stage<typeof ID, WidthOptions, PruneState, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => {
    const { model } = state;
    const { architecture } = subjectOf(model, context.registry);
    const hidden = architecture.hidden?.(model.config);
    if (hidden === undefined || architecture.withHidden === undefined) throw widthFixed({ architecture: model.config.architecture });
    const size = given.size ?? Math.max(1, hidden.size - Math.round(given.fraction! * hidden.size));
    if (size > hidden.size) throw widthInvalid({ asked: size, width: hidden.size });
    if (size === hidden.size) return { model: await retrained(model, state, given.retrain, context) };
    const config = architecture.withHidden(model.config, size);
    const dependencies = dependenciesOf(architecture, model.config, [hidden.site]);
    const stream = dependencies.axis(hidden.site, 2);
    const axes = dependencies.resized(config);
    refuseQuantizedAlong(model, dependencies, axes);
    const { scores, seen } = await score({ state, architecture, hidden, dependencies, stream, given, context });
    const kept = new Map<Axis, readonly number[]>([[stream, most(scores, size)]]);
    for (const axis of axes) if (axis !== stream) kept.set(axis, most(await sliceSquares(model, dependencies, axis), size));
    const deed = pruningDeed(ID, VERSION, given, context);
    const narrow = await cutModel({ model, architecture, dependencies, kept, config, deed, context });
    return { model: await retrained(withSeen(narrow, seen), state, given.retrain, context) };
  },
});

/** The `count` of the largest scores, ascending; of equal ones the later stay. */
function most(scores: ArrayLike<number>, count: number): number[] {
  const ranked = Array.from(scores, (value, index) => ({ value, index })).sort((a, b) => a.value - b.value || a.index - b.index);
  return ranked
    .slice(ranked.length - count)
    .map(({ index }) => index)
    .sort((a, b) => a - b);
}

interface Scoring {
  readonly state: PruneState;
  readonly architecture: Architecture;
  readonly hidden: HiddenWidth;
  readonly dependencies: Dependencies;
  readonly stream: Axis;
  readonly given: Settings;
  readonly context: Context;
}

interface Scored {
  readonly scores: ArrayLike<number>;
  /** Calibration data that decided. */
  readonly seen: NonNullable<Checkpoint["provenance"]["seen"]>;
}

async function score({ state, architecture, hidden, dependencies, stream, given, context }: Scoring): Promise<Scored> {
  const { model } = state;
  const { data, batch } = given;
  const chosen = given.score ?? (data === undefined ? "magnitude" : "activation");
  const why = given.score !== undefined ? "asked for" : data === undefined ? "no data is given" : "data is given";
  context.emit({ type: "choice", what: "score of channels", chosen, why });
  if (chosen === "random") return { scores: uniform(fork(context.seed, ID), 0, hidden.size), seen: [] };
  if (data === undefined) return { scores: await sliceSquares(model, dependencies, stream), seen: [] };
  const { sequences, seen } = await prepareSequences(model, { ...given, data }, context);
  const sites = architecture
    .layers(model.config)
    .flatMap(({ input, prefixes }) => [input, ...prefixes.map((prefix) => prefix.slice(0, -1))]);
  if (chosen === "activation") {
    const energy = (value: Value): Value => div(mul(value, value), mean(mul(value, value), [2], true));
    const means = await siteMeans({
      model,
      sequences,
      batch,
      sites: Object.fromEntries(sites.map((site) => [site, energy])),
      context,
      use: ID,
    });
    return { scores: added([...means.values()].map((of) => Array.from(of, Math.sqrt))), seen: [seen] };
  }
  const groups = sites.map((site) => ({ site, units: hidden.size }));
  const slopes = await michelImportance({ groups, model, ...lossOf(state, given, context), sequences, batch, context });
  return { scores: added([...normaliseByLayer(slopes).values()]), seen: [seen] };
}

function added(lists: readonly (readonly number[])[]): number[] {
  return lists[0].map((_, index) => lists.reduce((sum, list) => sum + list[index], 0));
}
