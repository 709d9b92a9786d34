import { defineStage, type Context, type Stage } from "@pare/core";
import { withSeen, type Architecture, type Checkpoint, type LayerStack } from "@pare/models";
import { prepareSequences, subjectOf } from "@pare/training";
import { z } from "zod";
import { blockInfluence } from "./block-influence.ts";
import { layerDataMissing, layerUnknown, stackUnknown, tooManyLayers } from "./errors.ts";
import { heldOutLoss } from "./held-out-loss.ts";
import { lossOf, type MeasuringSettings } from "./measuring.ts";
import { pruningDeed, retrained, type PruneState } from "./retrain.ts";
import { structuredFields, type StructuredPruningOptions } from "./structured-pruning.ts";
import { withLayersKept } from "./without-layers.ts";

const ID = "prune/layers";
const VERSION = 1;

type Score = "block-influence" | "loss" | "every-other" | "top" | "bottom";

/** Options of {@link layers}. */
export interface LayersOptions extends StructuredPruningOptions {
  /** These layers, counted from 0. Exactly one of `remove`, `count` and `fraction` is given. */
  readonly remove?: readonly number[] | undefined;
  /** Layers to remove. */
  readonly count?: number | undefined;
  /** Share of the stack's layers to remove. */
  readonly fraction?: number | undefined;
  /**
   * Which ones, with `count` or `fraction`:
   * - "block-influence": those that turn what passes through them least, on `data` (ShortGPT).
   * - "loss": one after the other the layer without which the objective's loss on `data` is least.
   * - "every-other": spread evenly, the first layer staying (LayerDrop, DistilBERT). "top": the last ones. "bottom": the first ones.
   *
   * Default: "block-influence" with `data`, else "every-other"; the choice is an event of the run.
   */
  readonly score?: Score | undefined;
  /** The stack they leave: "encoder" or "decoder". Needed where the model has several. */
  readonly stack?: string | undefined;
}

type Settings = LayersOptions & MeasuringSettings;

const options: z.ZodType<Settings, LayersOptions> = z
  .object({
    remove: z.array(z.int().min(0)).min(1).optional().describe("these layers, counted from 0"),
    count: z.int().min(0).optional().describe("layers to remove"),
    fraction: z.number().min(0).lt(1).optional().describe("share of the layers to remove"),
    score: z
      .enum(["block-influence", "loss", "every-other", "top", "bottom"])
      .optional()
      .describe("which ones; default: block-influence where data is given, else every-other"),
    stack: z.string().optional().describe("the stack they leave, where the model has several"),
    ...structuredFields,
  })
  .refine(({ remove, count, fraction }) => [remove, count, fraction].filter((given) => given !== undefined).length === 1, {
    message: "give one of `remove`, `count` and `fraction`",
    path: ["count"],
  })
  .refine(({ remove, score }) => remove === undefined || score === undefined, {
    message: "`remove` names the layers: leave `score` out",
    path: ["score"],
  })
  .refine(({ data, remove, score }) => data === undefined || (remove === undefined && readsData(score)), {
    message: 'only the scores "block-influence" and "loss" read data',
    path: ["data"],
  })
  .refine(({ objective, score }) => objective === undefined || score === "loss", {
    message: 'only the score "loss" reads an objective',
    path: ["objective"],
  });

function readsData(score: Score | undefined): boolean {
  return score === undefined || score === "block-influence" || score === "loss";
}

/**
 * Removes whole transformer layers of a stack: config and weights lose them, later layers move up. The residual stream passes where
 * they stood. At least one layer stays. Weights keep their storage; none is read.
 *
 * @throws `prune/too-many-layers`, `prune/layer-unknown`, `prune/stack-unknown`, `prune/layer-data-missing`, what `prepareSequences`
 * throws, and the retraining step.
 */
export const layers: Stage<typeof ID, LayersOptions, PruneState, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => {
    const { model } = state;
    const { architecture } = subjectOf(model, context.registry);
    const stack = stackOf(architecture.layers(model.config), given.stack);
    const total = stack.prefixes.length;
    const unknown = given.remove?.find((layer) => layer >= total);
    if (unknown !== undefined) throw layerUnknown({ layer: unknown, stack: stack.stack, total });
    const count = given.remove === undefined ? (given.count ?? Math.round(given.fraction! * total)) : new Set(given.remove).size;
    if (count >= total && count > 0) throw tooManyLayers({ asked: count, stack: stack.stack, total });
    const { removed, seen } = await choose({ state, architecture, stack, count, given, context });
    const kept = stack.prefixes.map((_, layer) => layer).filter((layer) => !removed.has(layer));
    const deed = pruningDeed(ID, VERSION, given, context);
    const shorter = count === 0 ? model : withSeen(withLayersKept(model, architecture, stack.stack, kept, deed), seen);
    return { model: await retrained(shorter, state, given.retrain, context) };
  },
});

function stackOf(stacks: readonly LayerStack[], asked: string | undefined): LayerStack {
  const found = asked === undefined && stacks.length === 1 ? stacks[0] : stacks.find(({ stack }) => stack === asked);
  if (found === undefined) throw stackUnknown({ asked, known: stacks.map(({ stack }) => stack) });
  return found;
}

interface Choice {
  readonly state: PruneState;
  readonly architecture: Architecture;
  readonly stack: LayerStack;
  readonly count: number;
  readonly given: Settings;
  readonly context: Context;
}

interface Chosen {
  readonly removed: ReadonlySet<number>;
  /** Calibration data that decided. */
  readonly seen: NonNullable<Checkpoint["provenance"]["seen"]>;
}

async function choose(choice: Choice): Promise<Chosen> {
  const { given, count, stack, context } = choice;
  const total = stack.prefixes.length;
  if (given.remove !== undefined) return { removed: new Set(given.remove), seen: [] };
  const chosen = given.score ?? (given.data === undefined ? "every-other" : "block-influence");
  const why = given.score !== undefined ? "asked for" : given.data === undefined ? "no data is given" : "data is given";
  context.emit({ type: "choice", what: "score of layers", chosen, why });
  if (chosen !== "block-influence" && chosen !== "loss") return { removed: new Set(byPlace(chosen, total, count)), seen: [] };
  const { data } = given;
  if (data === undefined) throw layerDataMissing({ score: chosen });
  const { sequences, seen } = await prepareSequences(choice.state.model, { ...given, data }, context);
  const removed = await (chosen === "loss" ? greedy : leastInfluence)(choice, sequences);
  return { removed, seen: [seen] };
}

/** Evenly spread ones: of 6 layers 3 are 1, 3 and 5. */
function byPlace(score: "every-other" | "top" | "bottom", total: number, count: number): number[] {
  const place = {
    "every-other": (i: number) => Math.floor(((i + 0.5) * total) / count),
    top: (i: number) => total - count + i,
    bottom: (i: number) => i,
  };
  return Array.from({ length: count }, (_, i) => place[score](i));
}

type Sequences = Awaited<ReturnType<typeof prepareSequences>>["sequences"];

async function leastInfluence({ state, stack, count, given, context }: Choice, sequences: Sequences): Promise<ReadonlySet<number>> {
  const influence = (await blockInfluence({ model: state.model, sequences, batch: given.batch, context })).get(stack.stack)!;
  context.emit({ type: "metric", name: "block influence", stack: stack.stack, values: influence });
  const ranked = influence.map((score, layer) => ({ score, layer })).sort((a, b) => a.score - b.score || a.layer - b.layer);
  return new Set(ranked.slice(0, count).map(({ layer }) => layer));
}

/** Of equal losses the earlier layer goes. */
async function greedy({ state, architecture, stack, count, given, context }: Choice, sequences: Sequences): Promise<ReadonlySet<number>> {
  const measured = lossOf(state, given, context);
  const removed = new Set<number>();
  const all = stack.prefixes.map((_, layer) => layer);
  for (let done = 0; done < count; done++) {
    const left = all.filter((layer) => !removed.has(layer));
    let best = { layer: -1, loss: Infinity };
    for (const layer of left) {
      const kept = left.filter((other) => other !== layer);
      const model = withLayersKept(state.model, architecture, stack.stack, kept);
      const loss = await heldOutLoss({ model, ...measured, sequences, batch: given.batch, context, use: ID });
      context.emit({ type: "metric", name: "loss without layers", stack: stack.stack, removed: [...removed, layer], loss });
      if (loss < best.loss || best.layer < 0) best = { layer, loss };
    }
    removed.add(best.layer);
    context.emit({
      type: "progress",
      progress: { done: done + 1, total: count, unit: "layers", message: stack.prefixes[best.layer].slice(0, -1) },
    });
  }
  return removed;
}
