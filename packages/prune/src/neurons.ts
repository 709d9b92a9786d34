import { defineStage, type Context, type Stage } from "@pare/core";
import { withSeen, type Checkpoint, type NeuronGroup } from "@pare/models";
import { fork, mul, uniform, type Value } from "@pare/tensor-core";
import { prepareSequences, siteMeans, subjectOf } from "@pare/training";
import { z } from "zod";
import { cutModel, refuseQuantizedAlong } from "./cut-model.ts";
import { dependenciesOf } from "./dependencies.ts";
import { chooseHeads, normaliseByLayer, type HeadScores } from "./head-choice.ts";
import { lossOf, type MeasuringSettings } from "./measuring.ts";
import { michelImportance } from "./michel.ts";
import { pruningDeed, retrained, type PruneState } from "./retrain.ts";
import { refuseUnknown, shareField, shareOf, type Share } from "./share.ts";
import { structuredFields, type StructuredPruningOptions } from "./structured-pruning.ts";

const ID = "prune/neurons";
const VERSION = 1;

/** Options of {@link neurons}. */
export interface NeuronsOptions extends StructuredPruningOptions {
  /** Share of the feed-forward neurons to remove; at least 0, below 1. By site (`layers.0.feedForward.neurons`): those not named stay whole. */
  readonly fraction: Share;
  /**
   * - "activation-norm": ‖h_j‖₂ of the neuron's output on `data`; the least go. Default.
   * - "taylor": E|Σ h_j · ∂L/∂h_j| on `data`, the sum over an example's positions (see `michelImportance`); the least go.
   * - "random": from the run's seed; a baseline.
   */
  readonly score?: "activation-norm" | "taylor" | "random" | undefined;
  /** Where that share is met: in each layer (default), or in all together, each layer's scores divided by their L2 norm. */
  readonly scope?: "layer" | "global" | undefined;
}

type Settings = NeuronsOptions &
  MeasuringSettings & { readonly score: "activation-norm" | "taylor" | "random"; readonly scope: "layer" | "global" };

const options: z.ZodType<Settings, NeuronsOptions> = z
  .object({
    fraction: shareField.describe("share of the feed-forward neurons to remove, or shares by site"),
    score: z
      .enum(["activation-norm", "taylor", "random"])
      .default("activation-norm")
      .describe("which ones: those of the least output, those that matter least to the loss, or any"),
    scope: z.enum(["layer", "global"]).default("layer").describe("where the share is met"),
    ...structuredFields,
  })
  .refine(({ data, score }) => (data === undefined) === (score === "random"), {
    message: 'the scores "activation-norm" and "taylor" read data, "random" does not',
    path: ["data"],
  })
  .refine(({ objective, score }) => objective === undefined || score === "taylor", {
    message: 'only the score "taylor" reads an objective',
    path: ["objective"],
  })
  .refine(({ fraction, scope }) => typeof fraction === "number" || scope === "layer", {
    message: "shares by site are met in each layer, not in all together",
    path: ["scope"],
  });

/**
 * Removes feed-forward neurons: their rows leave the weights before the activation, their columns the weight after it, and the config
 * says how many are left. Of n neurons round(fraction · n) go, of equal scores the earlier; every layer keeps one. Masks and sparse
 * storages stay what they are. Layers may end with different numbers.
 *
 * @throws `prune/quantized-weight`, what `prepareSequences` and `siteMeans` of training throw, and the retraining step.
 */
export const neurons: Stage<typeof ID, NeuronsOptions, PruneState, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => {
    const { model } = state;
    const { architecture } = subjectOf(model, context.registry);
    const groups = architecture.neurons(model.config);
    const sites = groups.map(({ site }) => site);
    refuseUnknown(given.fraction, "fraction", sites);
    const dependencies = dependenciesOf(architecture, model.config, sites);
    const axes = sites.map((site) => dependencies.axis(site, 2));
    refuseQuantizedAlong(model, dependencies, axes);
    const { scores, seen } = await score(state, groups, given, context);
    const kept = choose(scores, given);
    const pruned = await cutModel({
      model,
      architecture,
      dependencies,
      kept: new Map(sites.map((site, layer) => [axes[layer], kept[site]])),
      config: architecture.withNeurons(model.config, Object.fromEntries(sites.map((site) => [site, kept[site].length]))),
      deed: pruningDeed(ID, VERSION, given, context),
      context,
    });
    return { model: await retrained(withSeen(pruned, seen), state, given.retrain, context) };
  },
});

interface Scored {
  readonly scores: HeadScores;
  /** Calibration data that decided. */
  readonly seen: NonNullable<Checkpoint["provenance"]["seen"]>;
}

async function score(state: PruneState, groups: readonly NeuronGroup[], given: Settings, context: Context): Promise<Scored> {
  const { model } = state;
  const { data, batch } = given;
  if (data === undefined) {
    const key = fork(context.seed, ID);
    const draw = (layer: number, count: number): number[] => Array.from(uniform(key, layer, count));
    return { scores: new Map(groups.map(({ site, neurons: count }, layer) => [site, draw(layer, count)])), seen: [] };
  }
  const { sequences, seen } = await prepareSequences(model, { ...given, data }, context);
  if (given.score === "taylor") {
    const gated = groups.map(({ site, neurons: units }) => ({ site, units }));
    const scores = await michelImportance({ groups: gated, model, ...lossOf(state, given, context), sequences, batch, context });
    return { scores, seen: [seen] };
  }
  const sites = Object.fromEntries(groups.map(({ site }) => [site, (value: Value) => mul(value, value)]));
  const squares = await siteMeans({ model, sequences, batch, sites, context, use: ID });
  return { scores: new Map([...squares].map(([site, means]) => [site, Array.from(means, Math.sqrt)])), seen: [seen] };
}

/** Neurons kept per site, ascending. */
function choose(scores: HeadScores, { fraction, scope }: Settings): Record<string, readonly number[]> {
  const chosen = (of: HeadScores, share: number): Record<string, readonly number[]> => {
    const sizes = [...of.values()].map(({ length }) => length);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    return chooseHeads(of, { count: Math.min(Math.round(share * total), total - sizes.length), even: false });
  };
  if (scope === "global") return chosen(normaliseByLayer(scores), fraction as number);
  return Object.assign({}, ...[...scores].map((group) => chosen(new Map([group]), shareOf(fraction, group[0]))));
}
