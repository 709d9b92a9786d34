import { defineStage, type Context, type Stage } from "@pare/core";
import { withConfig, type Architecture, type Checkpoint, type HeadGroup } from "@pare/models";
import { add, broadcast, f32, mul, reshape, type HostTensor, type StoredWeight, type Value } from "@pare/tensor-core";
import { ONE_LENGTH, oneLength, subjectOf, trainAll, type TrainableView, type Views } from "@pare/training";
import { z } from "zod";
import { cutWeights } from "./cuts.ts";
import {
  expectedOpen,
  finalGates,
  gateFields,
  gateInputs,
  gateLeaf,
  sampleGates,
  type HardConcreteOptions,
  type HardConcreteSettings,
} from "./hard-concrete.ts";
import { headCuts } from "./head-cuts.ts";
import { refuseQuantized } from "./prunable.ts";
import type { PruneState } from "./retrain.ts";
import { trainAndPrune, trainedFields, type TrainedPruningOptions, type TrainedPruningSettings } from "./trained-pruning.ts";

const ID = "prune/head-gates";
const VERSION = 1;
const GATE = "gate";

/** Options of {@link headGates}. */
export interface HeadGatesOptions extends TrainedPruningOptions, HardConcreteOptions {}

interface Settings extends TrainedPruningSettings, HardConcreteSettings {}

const options: z.ZodType<Settings, HeadGatesOptions> = z.object({ ...trainedFields, ...gateFields }).refine(oneLength, ONE_LENGTH);

/**
 * Trains the model with a hard-concrete gate on the output of every attention head and pays λ · (share of gates expected to be open) for
 * them (Voita et al. 2019, section 5; the gates of Louizos, Welling and Kingma 2018). Then the heads with closed gates are removed, with
 * their rows and columns; the others take in what their gate is. A key/value head goes with the last query head that reads it; a layer
 * whose gates are all closed keeps the head that was nearest to open.
 *
 * @throws `prune/quantized-weight`, what `prepareSequences` and `train` throw, and the retraining step.
 */
export const headGates: Stage<typeof ID, HeadGatesOptions, PruneState, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => {
    const { model } = state;
    const { architecture } = subjectOf(model, context.registry);
    const groups = architecture.heads(model.config);
    refuseQuantized(
      model,
      groups.flatMap(({ query, keyValue, output }) => [...query, ...keyValue, ...output]),
    );
    const outputs = groups.flatMap((group) => group.output.map((name) => ({ name, group })));
    const trained = new Map<string, HostTensor>();
    const gates = outputs.reduce((sum, { group }) => sum + group.keyValueHeads.length, 0);
    return await trainAndPrune({
      use: ID,
      version: VERSION,
      state,
      given,
      context,
      views: gatedViews(outputs, given, trained),
      penalty: (leaf) => mul(outputs.map(({ name }) => expectedOpen(leaf(name, GATE), given)).reduce(sumOf), given.penalty / gates),
      inputs: gateInputs(context.seed, ID),
      finish: (gated) => withoutClosed(gated, { architecture, groups, trained, given, context }),
    });
  },
});

interface Output {
  /** The output projection. */
  readonly name: string;
  readonly group: HeadGroup;
}

/** A gate on a head is a factor of the columns of the output projection that read it. */
function gatedViews(outputs: readonly Output[], given: Settings, trained: Map<string, HostTensor>): Views {
  return (spec, stored) => {
    const plain = trainAll(spec, stored);
    const stream = outputs.findIndex(({ name }) => name === spec.name);
    if (plain === "frozen" || stream < 0) return plain;
    const { keyValueHeads, headDim } = outputs[stream].group;
    const heads = keyValueHeads.length;
    return {
      leaves: { ...plain.leaves, [GATE]: gateLeaf([heads], given) },
      value: (leaf, tracer) => {
        const gates = sampleGates(leaf(GATE), given, stream, tracer);
        const columns = reshape(broadcast(reshape(gates, [heads, 1]), [heads, headDim]), [1, heads * headDim]);
        return mul(plain.value(leaf, tracer), columns);
      },
      finalise: async (leaf) => {
        const logAlpha = await leaf(GATE);
        trained.set(spec.name, logAlpha);
        return await scaled(plain, leaf, finalGates(logAlpha, given), headDim);
      },
    };
  };
}

/** What the leaves of `plain` stand for, its columns times the gates of their heads; closed ones as they are, because they leave. */
function scaled(
  plain: TrainableView,
  leaf: (name: string) => Promise<HostTensor>,
  gates: Float32Array,
  headDim: number,
): Promise<StoredWeight> {
  return plain.finalise(async (name) => {
    const value = await leaf(name);
    if (name !== "values") return value;
    const { shape, data } = value;
    const factor = (column: number): number => gates[Math.floor(column / headDim)] || 1;
    return f32(
      shape,
      Float32Array.from(data as Float32Array, (each, at) => each * factor(at % shape[1])),
    );
  });
}

interface Closed {
  readonly architecture: Architecture;
  readonly groups: readonly HeadGroup[];
  /** log α by output projection. */
  readonly trained: ReadonlyMap<string, HostTensor>;
  readonly given: Settings;
  readonly context: Context;
}

async function withoutClosed(model: Checkpoint, { architecture, groups, trained, given, context }: Closed): Promise<Checkpoint> {
  const kept = Object.fromEntries(
    groups.map(({ site, output, keyValueHeads }): [string, readonly number[]] => {
      const openness = output.map((name) => trained.get(name)!);
      const largest = keyValueHeads.map((_, head) => Math.max(...openness.map(({ data }) => data[head] as number)));
      const gates = finalGates(f32([largest.length], largest), given);
      context.emit({ type: "metric", name: "gates", site, values: [...gates] });
      const open = keyValueHeads.map((_, head) => head).filter((head) => gates[head] > 0);
      return [site, open.length > 0 ? open : [largest.indexOf(Math.max(...largest))]];
    }),
  );
  const cuts = groups.flatMap((group) => headCuts(group, kept[group.site]));
  return withConfig(model, architecture.withHeads(model.config, kept), await cutWeights(model, cuts, context));
}

function sumOf(a: Value, b: Value): Value {
  return add(a, b);
}
