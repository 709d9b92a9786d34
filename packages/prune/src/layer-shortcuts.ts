/** What the residual path is worth when a layer goes: a suite. */
import { defineSuite, type Context, type Suite, type SuiteReport } from "@pare/core";
import type { Checkpoint, LayerStack } from "@pare/models";
import { mul, sub, type SiteRequest, type SiteRequests, type Value } from "@pare/tensor-core";
import { dataFields, prepareSequences, subjectOf, type DataOptions } from "@pare/training";
import { z } from "zod";
import { heldOutLoss } from "./held-out-loss.ts";
import { lossOf, measuringFields, type MeasuringOptions, type MeasuringSettings } from "./measuring.ts";

const ID = "layer-shortcuts";

/** Options of {@link layerShortcuts}: the text, and what its loss is. */
export interface LayerShortcutsOptions extends DataOptions, MeasuringOptions {}

/** Losses in nats per prediction with one layer changed. */
export interface LayerShortcut {
  /** Where the layer ends: "layers.0". */
  readonly layer: string;
  /** The layer is gone, its residual path stays: x goes on. */
  readonly removed: number;
  /** The layer is gone and its residual path with it: nothing goes on. */
  readonly removedWithShortcut: number;
  /** The layer stays, its residual path is gone: what its branches add to x goes on alone. */
  readonly shortcutRemoved: number;
}

export interface LayerShortcutsReport extends SuiteReport {
  /** `loss` of the model as it is, and the mean over layers of each change. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly layers: readonly LayerShortcut[];
}

const options: z.ZodType<DataOptions & MeasuringSettings, LayerShortcutsOptions> = z.object({ ...dataFields, ...measuringFields });

/**
 * Removes every transformer layer in turn, with its residual path left, with it gone too, and the path alone without removing the layer,
 * and measures the loss on held-out text each time: is it the shortcut that makes the removal of layers mild (Veit, Wilber and Belongie
 * 2016, for residual networks)?
 *
 * @throws what `prepareSequences` and the objective throw, `training/device-missing`.
 */
export const layerShortcuts: Suite<typeof ID, LayerShortcutsOptions, Checkpoint, LayerShortcutsReport> = defineSuite({
  id: ID,
  version: 1,
  package: "@pare/prune",
  citation:
    "Veit, Wilber, Belongie: Residual Networks Behave Like Ensembles of Relatively Shallow Networks, NeurIPS 2016; here for transformers",
  options,
  run: async (model: Checkpoint, given, context): Promise<LayerShortcutsReport> => {
    const { objective } = lossOf({ model }, given, context);
    const { sequences } = await prepareSequences(model, given, context);
    const lossWith = (sites: SiteRequests): Promise<number> =>
      heldOutLoss({ model, models: {}, objective, sequences, batch: given.batch, context, use: ID, sites });
    const loss = await lossWith({});
    const stacks = subjectOf(model, context.registry).architecture.layers(model.config);
    const layers: LayerShortcut[] = [];
    for (const stack of stacks) {
      for (const layer of stack.prefixes.keys()) {
        context.signal.throwIfAborted();
        layers.push({ layer: siteOf(stack.prefixes[layer]), ...(await changes(stack, layer, lossWith)) });
        tell(context, layers.length, stacks);
      }
    }
    const mean = (of: (one: LayerShortcut) => number): number => layers.reduce((sum, one) => sum + of(one), 0) / layers.length;
    return {
      metrics: {
        loss,
        removed: mean((one) => one.removed),
        removedWithShortcut: mean((one) => one.removedWithShortcut),
        shortcutRemoved: mean((one) => one.shortcutRemoved),
      },
      layers,
      examples: sequences.length,
    };
  },
});

async function changes(
  stack: LayerStack,
  layer: number,
  lossWith: (sites: SiteRequests) => Promise<number>,
): Promise<Omit<LayerShortcut, "layer">> {
  return {
    removed: await lossWith(changed(stack, layer, (before) => before)),
    removedWithShortcut: await lossWith(changed(stack, layer, (before) => mul(before, 0))),
    shortcutRemoved: await lossWith(changed(stack, layer, (before, after) => sub(after, before))),
  };
}

/** What goes on after one layer, from what it reads and gives. */
function changed({ prefixes, input }: LayerStack, layer: number, result: (before: Value, after: Value) => Value): SiteRequests {
  let read: Value | undefined;
  const reads: SiteRequest = { reduce: (value) => void (read = value) };
  return {
    [layer === 0 ? input : siteOf(prefixes[layer - 1])]: reads,
    [siteOf(prefixes[layer])]: { transform: (after) => result(read!, after) },
  };
}

function siteOf(prefix: string): string {
  return prefix.slice(0, -1);
}

function tell({ emit }: Context, done: number, stacks: readonly LayerStack[]): void {
  const total = stacks.reduce((sum, { prefixes }) => sum + prefixes.length, 0);
  emit({ type: "progress", progress: { done, total, unit: "layers", message: ID } });
}
