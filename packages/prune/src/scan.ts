import {
  createRunStore,
  defineStage,
  filesWithin,
  isPluginRef,
  localRunner,
  memoryFiles,
  type Context,
  type Job,
  type PluginRef,
  type Stage,
} from "@pare/core";
import type { Architecture, Checkpoint } from "@pare/models";
import { subjectOf, type DataOptions } from "@pare/training";
import { z } from "zod";
import type { PruneState } from "./retrain.ts";
import type { ScanGroup, Sensitivity } from "./sensitivity.ts";
import { trial, trialFields, type Trial, type TrialOptions } from "./trial.ts";

const ID = "prune/scan";
const VERSION = 1;

type Parts = "weights" | "heads" | "neurons";

/** Options of {@link scan}. */
export interface ScanOptions extends Omit<TrialOptions, "step"> {
  /** The pruning stage without its share: `{ use: "prune/wanda", data: … }`. Its share takes a number by part. */
  readonly prune: PluginRef;
  /**
   * What is pruned part by part: the linear weights of the layers (default; the stage's option is `sparsity`), the heads or the neurons of
   * each layer (`fraction`).
   */
  readonly parts?: Parts | undefined;
  /** Shares that are tried of each, ascending, above 0 and below 1. */
  readonly at: readonly number[];
  /** Every part alone (default), or the parts of a layer together. */
  readonly group?: "part" | "layer" | undefined;
  /** What is gone of all other parts while one is looked at. Default 0. Near the share that is aimed at, losses say more of it. */
  readonly others?: number | undefined;
}

interface Settings extends Omit<ScanOptions, "parts" | "group" | "others" | "batch"> {
  readonly parts: Parts;
  readonly group: "part" | "layer";
  readonly others: number;
  readonly batch: number;
}

const options: z.ZodType<Settings, ScanOptions> = z
  .object({
    prune: z.custom<PluginRef>(isPluginRef, "{ use: <pruning stage>, … }").describe("the pruning stage without its share"),
    parts: z.enum(["weights", "heads", "neurons"]).default("weights").describe("what is pruned part by part"),
    at: z.array(z.number().gt(0).lt(1)).min(1).describe("shares that are tried of each part"),
    group: z.enum(["part", "layer"]).default("part").describe("every part alone, or those of a layer together"),
    others: z.number().min(0).lt(1).default(0).describe("share that is gone of all other parts meanwhile"),
    ...trialFields,
  })
  .refine(({ at }) => at.every((share, index) => index === 0 || share > at[index - 1]), { message: "shares ascend", path: ["at"] })
  .refine(({ prune, parts }) => !(optionOf(parts) in prune) && !("retrain" in prune), {
    message: "the scan gives the share, and nothing is retrained in between",
    path: ["prune"],
  });

function optionOf(parts: Parts): Sensitivity["option"] {
  return parts === "weights" ? "sparsity" : "fraction";
}

/**
 * Sensitivity scan: the loss of the model with each part pruned to each share while the others stay (Li et al., "Pruning filters for
 * efficient convnets", 2017, section 3.2), with what the model then takes. Each point is a job (`prune/trial`) of the local runner, kept
 * with the step's scratch files: a scan that is cut off goes on where it was. The result is for `prune/allocate`; the model stays.
 *
 * @throws `core/plugin-unknown` and what the trials throw.
 */
export const scan: Stage<typeof ID, ScanOptions, PruneState, { sensitivity: Sensitivity }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async ({ model }: PruneState, given, context) => {
    const { prune, parts, at, group, others, ...measured } = given;
    const groups = groupsOf(model, subjectOf(model, context.registry).architecture, parts, group);
    const option = optionOf(parts);
    const all = groups.flatMap((each) => each.parts);
    const stepWith = (share: (part: string) => number): PluginRef => {
      const shares = Object.fromEntries(all.map((part) => [part, share(part)]).filter(([, value]) => value !== 0));
      return { ...prune, [option]: shares };
    };
    const points = groups.flatMap((each) => at.filter((share) => share !== others).map((share) => ({ each, share })));
    const steps = [
      undefined,
      ...(others === 0 ? [] : [stepWith(() => others)]),
      ...points.map(({ each, share }) => stepWith((part) => (each.parts.includes(part) ? share : others))),
    ];
    const [whole, ...rest] = await trials(model, steps, measured, context);
    const base = others === 0 ? whole : rest.shift()!;
    const found = points.map(({ each, share }, index) => ({ name: each.name, share, ...rest[index] }));
    return {
      sensitivity: {
        prune,
        option,
        whole,
        others,
        base,
        groups: groups.map(({ name, parts: own }) => ({
          name,
          parts: own,
          points: found.filter((point) => point.name === name).map(({ name: _name, ...point }) => point),
        })),
      },
    };
  },
});

/** The parts that can be pruned, alone or by layer. */
function groupsOf(model: Checkpoint, architecture: Architecture, parts: Parts, by: "part" | "layer"): Omit<ScanGroup, "points">[] {
  const { config } = model;
  const prefixes = architecture.layers(config).flatMap((stack) => stack.prefixes);
  const layerOf = (part: string): string | undefined => prefixes.find((prefix) => part.startsWith(prefix))?.slice(0, -1);
  const names = {
    weights: () => architecture.weights(config).flatMap(({ name, role }) => (role === "linear" && layerOf(name) !== undefined ? [name] : [])),
    heads: () => architecture.heads(config).map(({ site }) => site),
    neurons: () => architecture.neurons(config).map(({ site }) => site),
  }[parts]();
  if (by === "part") return names.map((name) => ({ name, parts: [name] }));
  const layers = new Map<string, string[]>();
  for (const name of names) {
    const layer = layerOf(name) ?? name;
    layers.set(layer, [...(layers.get(layer) ?? []), name]);
  }
  return [...layers].map(([name, own]) => ({ name, parts: own }));
}

/** What each step makes of the model, in order. Trials that ended before the run was cut off are not made again. */
async function trials(
  model: Checkpoint,
  steps: readonly (PluginRef | undefined)[],
  measured: DataOptions & Pick<Settings, "objective" | "batch" | "latency">,
  context: Context,
): Promise<Trial[]> {
  const { registry, seed } = context;
  const store = createRunStore(context.scratch === undefined ? memoryFiles() : filesWithin(context.scratch, "trials"));
  const { hash } = await store.put("model", model, registry);
  const jobs = steps.map((step): Job => {
    const { use, version, options: written } = trial({ ...measured, step });
    return { step: { use, version, options: written }, inputs: { model: hash }, seed };
  });
  const found: Trial[] = [];
  // A trial's own progress would jump back and forth under the scan's.
  const quiet: Context = { ...context, emit: (event) => event.type === "warning" || event.type === "fallback" ? context.emit(event) : undefined };
  for await (const { outputs } of localRunner({ store }).map(jobs, quiet)) {
    found.push((await store.get(outputs["trial"], registry)) as Trial);
    context.emit({ type: "progress", progress: { done: found.length, total: jobs.length, unit: "trials", message: ID } });
  }
  return found;
}
