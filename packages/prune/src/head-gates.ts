import { defineStage, type Context, type Stage } from "@pare/core";
import type { Architecture, Checkpoint, HeadGroup } from "@pare/models";
import { add, f32, matmul, mul, type HostTensor } from "@pare/tensor-core";
import { ONE_LENGTH, oneLength, subjectOf, trainAll, type Views } from "@pare/training";
import { z } from "zod";
import { cutModel, refuseQuantizedAlong } from "./cut-model.ts";
import { dependenciesOf, type Dependencies } from "./dependencies.ts";
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
 * @throws `prune/quantized-weight`, `prune/axis-bound`, what `prepareSequences` and `train` throw, and the retraining step.
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
    const sites = groups.map(({ site }) => site);
    const dependencies = dependenciesOf(architecture, model.config, sites);
    const axes = sites.map((site) => dependencies.axis(site, 2));
    refuseQuantizedAlong(model, dependencies, axes);
    const readers = groups.flatMap((group) => readersOf(model, dependencies, group));
    const trained = new Map<string, HostTensor>();
    const gates = readers.reduce((sum, { group }) => sum + group.keyValueHeads.length, 0);
    return await trainAndPrune({
      use: ID,
      version: VERSION,
      state,
      given,
      context,
      views: gatedViews(readers, given, trained),
      penalty: (leaf) => mul(readers.map(({ name }) => expectedOpen(leaf(name, GATE), given)).reduce(add), given.penalty / gates),
      inputs: gateInputs(context.seed, ID),
      finish: (gated) => withoutClosed(gated, { architecture, dependencies, groups, readers, trained, given, context }),
    });
  },
});

/** A weight that reads heads. A gate on a head is a factor of the columns that read it. */
interface Reader {
  readonly name: string;
  readonly group: HeadGroup;
  /** By column, the head that it reads; undefined: something else. */
  readonly heads: readonly (number | undefined)[];
}

function readersOf(model: Checkpoint, dependencies: Dependencies, group: HeadGroup): Reader[] {
  const found = new Map<string, (number | undefined)[]>();
  const axis = dependencies.axis(group.site, 2);
  for (const head of group.keyValueHeads.keys()) {
    for (const { weight, axis: side, kept } of dependencies.cuts(new Map([[axis, [head]]]))) {
      if (side !== 1) continue;
      const columns = found.get(weight) ?? Array.from({ length: model.weights.get(weight)!.shape[1] }, () => undefined);
      for (const column of kept) columns[column] = head;
      found.set(weight, columns);
    }
  }
  return [...found].map(([name, heads]) => ({ name, group, heads }));
}

function gatedViews(readers: readonly Reader[], given: Settings, trained: Map<string, HostTensor>): Views {
  return (spec, stored) => {
    const plain = trainAll(spec, stored);
    const stream = readers.findIndex(({ name }) => name === spec.name);
    if (plain === "frozen" || stream < 0) return plain;
    const { heads, group } = readers[stream];
    const count = group.keyValueHeads.length;
    return {
      leaves: { ...plain.leaves, [GATE]: gateLeaf([1, count], given) },
      value: (leaf, tracer) => {
        const gates = sampleGates(leaf(GATE), given, stream, tracer);
        const reads = Float32Array.from({ length: count * heads.length }, (_, at) =>
          heads[at % heads.length] === Math.floor(at / heads.length) ? 1 : 0,
        );
        const others = Float32Array.from(heads, (head) => (head === undefined ? 1 : 0));
        const columns = matmul(gates, tracer.constant(f32([count, heads.length], reads)));
        return mul(plain.value(leaf, tracer), add(columns, tracer.constant(f32([1, heads.length], others))));
      },
      finalise: async (leaf) => {
        const logAlpha = await leaf(GATE);
        trained.set(spec.name, logAlpha);
        const gates = finalGates(logAlpha, given);
        // Closed heads are left as they are, because they leave.
        const factors = heads.map((head) => (head === undefined ? 1 : gates[head] || 1));
        return await plain.finalise(async (name) => (name === "values" ? timesColumns(await leaf(name), factors) : leaf(name)));
      },
    };
  };
}

function timesColumns({ shape, data }: HostTensor, factors: readonly number[]): HostTensor {
  const scaled = Float32Array.from(data as Float32Array, (value, at) => value * factors[at % shape[1]]);
  return f32(shape, scaled);
}

interface Closed {
  readonly architecture: Architecture;
  readonly dependencies: Dependencies;
  readonly groups: readonly HeadGroup[];
  readonly readers: readonly Reader[];
  /** log α by the weight that reads the heads. */
  readonly trained: ReadonlyMap<string, HostTensor>;
  readonly given: Settings;
  readonly context: Context;
}

async function withoutClosed(model: Checkpoint, closed: Closed): Promise<Checkpoint> {
  const { architecture, dependencies, groups, readers, trained, given, context } = closed;
  const chosen: Record<string, readonly number[]> = {};
  for (const { site, keyValueHeads } of groups) {
    // Where several weights read a head, it is open if it is so for one of them.
    const own = readers.filter(({ group }) => group.site === site).map(({ name }) => trained.get(name)!.data as Float32Array);
    const largest = keyValueHeads.map((_, head) => Math.max(...own.map((logAlpha) => logAlpha[head])));
    const gates = finalGates(f32([largest.length], largest), given);
    context.emit({ type: "metric", name: "gates", site, values: [...gates] });
    const open = [...keyValueHeads.keys()].filter((head) => gates[head] > 0);
    chosen[site] = open.length > 0 ? open : [largest.indexOf(Math.max(...largest))];
  }
  const kept = new Map(groups.map(({ site }) => [dependencies.axis(site, 2), chosen[site]]));
  const config = architecture.withHeads(model.config, chosen);
  return await cutModel({ model, architecture, dependencies, kept, config, deed: undefined, context });
}
