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
import type { ScanGroup, ScanPoint, Sensitivity } from "./sensitivity.ts";
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
}

interface Settings extends Omit<ScanOptions, "parts" | "group" | "batch"> {
  readonly parts: Parts;
  readonly group: "part" | "layer";
  readonly batch: number;
}

const options: z.ZodType<Settings, ScanOptions> = z
  .object({
    prune: z.custom<PluginRef>(isPluginRef, "{ use: <pruning stage>, … }").describe("the pruning stage without its share"),
    parts: z.enum(["weights", "heads", "neurons"]).default("weights").describe("what is pruned part by part"),
    at: z.array(z.number().gt(0).lt(1)).min(1).describe("shares that are tried of each part"),
    group: z.enum(["part", "layer"]).default("part").describe("every part alone, or those of a layer together"),
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
    const { prune, parts, at, group, ...measured } = given;
    const groups = groupsOf(model, subjectOf(model, context.registry).architecture, parts, group);
    const option = optionOf(parts);
    const points = groups.flatMap(({ name, parts: own }) => at.map((share) => ({ name, own, share })));
    const steps = points.map(({ own, share }): PluginRef => ({ ...prune, [option]: Object.fromEntries(own.map((part) => [part, share])) }));
    const [whole, ...found] = await trials(model, [undefined, ...steps], measured, context);
    const pointsOf = (group: string): ScanPoint[] =>
      points.flatMap(({ name, share }, index) => (name === group ? [{ share, ...found[index] }] : []));
    return { sensitivity: { prune, option, whole, groups: groups.map((each) => ({ ...each, points: pointsOf(each.name) })) } };
  },
});

/** The parts that can be pruned, alone or by layer. */
function groupsOf(model: Checkpoint, architecture: Architecture, parts: Parts, by: "part" | "layer"): Omit<ScanGroup, "points">[] {
  const { config } = model;
  const prefixes = architecture.layers(config).flatMap((stack) => stack.prefixes);
  const layerOf = (part: string): string | undefined => prefixes.find((prefix) => part.startsWith(prefix))?.slice(0, -1);
  const names = {
    weights: () =>
      architecture.weights(config).flatMap(({ name, role }) => (role === "linear" && layerOf(name) !== undefined ? [name] : [])),
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
  const quiet: Context = {
    ...context,
    emit: (event) => (event.type === "warning" || event.type === "fallback" ? context.emit(event) : undefined),
  };
  for await (const { outputs } of localRunner({ store }).map(jobs, quiet)) {
    found.push((await store.get(outputs["trial"], registry)) as Trial);
    context.emit({ type: "progress", progress: { done: found.length, total: jobs.length, unit: "trials", message: ID } });
  }
  return found;
}
