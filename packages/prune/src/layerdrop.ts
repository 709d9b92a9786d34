import { defineStage, type Stage } from "@pare/core";
import type { Checkpoint, LayerStack } from "@pare/models";
import { add, f32, fork, mul, sub, uniform, type HostTensor, type SiteRequest, type SiteRequests, type Value } from "@pare/tensor-core";
import {
  dataFields,
  objectiveField,
  ONE_LENGTH,
  oneLength,
  subjectOf,
  trainFields,
  type DataOptions,
  type ObjectiveReference,
  type TrainOptionsGiven,
  type TrainSettings,
} from "@pare/training";
import { z } from "zod";
import type { PruneState } from "./retrain.ts";
import { trainAndPrune } from "./trained-pruning.ts";

const ID = "prune/layerdrop";
const VERSION = 1;

/** Options of {@link layerDrop}. */
export interface LayerDropOptions extends DataOptions, TrainOptionsGiven {
  /** Chance that a layer is left out of a step, default 0.2. */
  readonly rate?: number | undefined;
  /** What is made smaller; default `{ use: "next-token" }`. Without a teacher in the run state the model as it was is the teacher. */
  readonly objective?: ObjectiveReference | undefined;
}

interface Settings extends DataOptions, TrainSettings {
  readonly rate: number;
  readonly objective?: ObjectiveReference | undefined;
}

const options: z.ZodType<Settings, LayerDropOptions> = z
  .object({
    rate: z.number().min(0).lt(1).default(0.2).describe("chance that a layer is left out of a step"),
    ...dataFields,
    ...trainFields,
    objective: objectiveField.optional(),
  })
  .refine(oneLength, ONE_LENGTH);

/**
 * Trains a model that will lose layers (Fan, Grave and Joulin 2019, LayerDrop): in every step each transformer layer is left out with a
 * chance, all of it, and the residual stream passes where it stands. Afterwards any depth can be taken from the one model, by
 * `prune/layers` with the score "every-other". Removes nothing itself. Which layers a step leaves out follows from seed and step alone,
 * and one layer may be out of all examples of it; a layer that is out is computed all the same, so steps take as long as without.
 *
 * @throws what `prepareSequences` and `train` throw.
 */
export const layerDrop: Stage<typeof ID, LayerDropOptions, PruneState, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => {
    const { model } = state;
    const stacks = subjectOf(model, context.registry).architecture.layers(model.config);
    const key = fork(context.seed, ID);
    const names = stacks.flatMap(({ prefixes }) => prefixes.map(keepOf));
    return await trainAndPrune({
      use: ID,
      version: VERSION,
      state,
      given,
      context,
      sites: droppingSites(stacks),
      inputs: (done) => keepInputs(names, uniform(key, done, names.length), given.rate),
    });
  },
});

function keepOf(prefix: string): string {
  return `layerdrop/${prefix.slice(0, -1)}`;
}

function keepInputs(names: readonly string[], drawn: Float32Array, rate: number): Record<string, HostTensor> {
  return Object.fromEntries(names.map((name, index) => [name, f32([], [drawn[index] < rate ? 0 : 1])]));
}

/** After each layer: x + keep · (layer(x) − x). */
function droppingSites(stacks: readonly LayerStack[]): SiteRequests {
  const sites: Record<string, SiteRequest> = {};
  for (const { prefixes, input } of stacks) {
    let before: Value;
    if (prefixes.length > 0) sites[input] = { reduce: (value) => void (before = value) };
    for (const prefix of prefixes) {
      sites[prefix.slice(0, -1)] = {
        transform: (after, tracer) => (before = add(before, mul(sub(after, before), tracer.input(keepOf(prefix), "f32", [])))),
      };
    }
  }
  return sites;
}
