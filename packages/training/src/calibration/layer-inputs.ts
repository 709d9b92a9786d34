/** What linear weights read on calibration data, gathered on the device one layer at a time. */
import type { Context } from "@pare/core";
import { forwardGraph, type Architecture, type Checkpoint, type ModelConfig } from "@pare/models";
import {
  add,
  compile,
  createStore,
  matmul,
  mul,
  mulDims,
  reshape,
  sum,
  zeros,
  type HostTensor,
  type SiteRequest,
  type SiteRequests,
  type StoredWeight,
  type Tracer,
  type Value,
} from "@pare/tensor-core";
import type { Sequence } from "../sequence.ts";
import { inputsNotFinite } from "../errors.ts";
import { deviceOf, listeners, subjectOf } from "../subject.ts";
import { countPositions, maskedBatches, maskOf } from "./masks.ts";

/** "squares": Σ xⱼ² over the positions, `[in]`. "gram": XᵀX, `[in, in]`. */
export type InputStatistic = "squares" | "gram";

/** One linear weight of a layer, and what it read. */
export interface LinearInputs {
  readonly name: string;
  /** `[out, in]` */
  readonly stored: StoredWeight;
  /** f32, row by row, as the {@link InputStatistic} asked for says. Several weights of one input share it. */
  readonly statistic: Float32Array;
  /** Positions that were summed over; padding is not among them. */
  readonly positions: number;
}

export interface ChangeLayersOptions {
  readonly model: Checkpoint;
  readonly sequences: readonly Sequence[];
  /** Sequences per run on the device. */
  readonly batch: number;
  /** true: a layer reads what the already changed earlier layers give; false: what those of `model` give. */
  readonly sequential: boolean;
  readonly statistic: InputStatistic;
  /** Gives the weight that takes this one's place. */
  readonly change: (weight: LinearInputs) => Promise<StoredWeight>;
  readonly context: Context;
  /** Stage that asks, for messages. */
  readonly use: string;
}

/**
 * Changes the linear weights of all transformer layers, in order, each by what it reads. The inputs of all matrices of a layer are
 * gathered before any of them changes. Every position that predicts a token counts once: the last token of a sequence does not.
 *
 * Statistics are summed on the device, so its memory holds one layer and does not grow with the data. The host keeps the
 * activations between two layers: 4 · positions · hidden bytes. Every layer runs at most twice. Weights outside the layers
 * (embeddings, an output matrix of its own) are left alone. Gives the changed weights by name.
 *
 * @throws `training/device-missing`, `training/inputs-not-finite`, what `change` throws.
 */
export async function changeLayers(options: ChangeLayersOptions): Promise<(readonly [string, StoredWeight])[]> {
  const { model, sequential, change, context } = options;
  const subject = subjectOf(model, context.registry);
  const { architecture } = subject;
  const linear = architecture.weights(model.config).flatMap(({ name, role }) => (role === "linear" ? [name] : []));
  const weights = new Map(model.weights);
  const batches = maskedBatches(subject, options.sequences, options.batch).map((inputs): Batch => ({ inputs, carried: {} }));
  const changes: (readonly [string, StoredWeight])[] = [];
  const layers = layersOf(architecture, model.config);
  for (const [done, layer] of layers.entries()) {
    const names = linear.filter((name) => name.startsWith(layer.prefix));
    const inputs = await runLayer(layer, { ...options, architecture, weights, batches, gather: names, advance: !sequential });
    for (const name of names) {
      context.signal.throwIfAborted();
      const stored = await change({ name, stored: weights.get(name)!, ...inputs.get(name)! });
      weights.set(name, stored);
      changes.push([name, stored]);
    }
    if (sequential) await runLayer(layer, { ...options, architecture, weights, batches, gather: [], advance: true });
    context.emit({
      type: "progress",
      progress: { done: done + 1, total: layers.length, unit: "layers", message: layer.prefix.slice(0, -1) },
    });
  }
  return changes;
}

interface Layer {
  readonly prefix: string;
  /** Sites whose values are at hand from the layers before. */
  readonly reads: readonly string[];
  /** Site of what the layers after it read; undefined after the last. */
  readonly gives: string | undefined;
}

function layersOf(architecture: Architecture, config: ModelConfig): Layer[] {
  const stacks = architecture.layers(config).filter(({ prefixes }) => prefixes.length > 0);
  return stacks.flatMap(({ prefixes }, at) =>
    prefixes.map((prefix, index): Layer => {
      const earlier = stacks.slice(0, at).map(({ stack }) => stack);
      const last = index === prefixes.length - 1;
      const next = at < stacks.length - 1 ? stacks[at].stack : undefined;
      return {
        prefix,
        reads: index === 0 ? earlier : [...earlier, prefixes[index - 1].slice(0, -1)],
        gives: last ? next : prefix.slice(0, -1),
      };
    }),
  );
}

interface Batch {
  /** Run-time inputs that stay: tokens, positions, lengths and masks. */
  readonly inputs: Readonly<Record<string, HostTensor>>;
  /** Values of sites, by their names. */
  carried: Readonly<Record<string, HostTensor>>;
}

const STATE = "calibration/sum/";
interface RunLayer extends ChangeLayersOptions {
  readonly architecture: Architecture;
  readonly weights: ReadonlyMap<string, StoredWeight>;
  readonly batches: readonly Batch[];
  /** Weights whose inputs are summed up. */
  readonly gather: readonly string[];
  /** Whether the batches move on to what the next layer reads. */
  readonly advance: boolean;
}

type Gathered = Pick<LinearInputs, "statistic" | "positions">;

async function runLayer({ reads, gives }: Layer, options: RunLayer): Promise<Map<string, Gathered>> {
  const { model, architecture, weights, batches, gather, advance, context } = options;
  if (gather.length === 0 && (!advance || gives === undefined)) return new Map();
  const device = deviceOf(context, options.use);
  const store = createStore(device, { weights });
  const sums = new Sums(options.statistic);
  const wanted: Record<string, SiteRequest> = Object.fromEntries(reads.map((site) => [site, { replace: site }]));
  for (const name of gather) wanted[`${name}.input`] = { reduce: (value, tracer) => sums.add(name, value, tracer) };
  const given = advance ? gives : undefined;
  if (given !== undefined) wanted[given] = { tap: given };
  const sites: SiteRequests = wanted;
  const compiled = compile(
    forwardGraph(architecture, model.config, () => ({}), { sites }),
    { store, ...listeners(context, device) },
  );
  try {
    for (const [state, width] of sums.widths) store.setState(state, zeros("f32", shapeOf(options.statistic, width)));
    for (const batch of batches) {
      context.signal.throwIfAborted();
      const outputs = await compiled.run({ ...batch.inputs, ...batch.carried });
      if (given === undefined) continue;
      // The value before this layer is not read again; those of earlier stacks are.
      const kept = Object.entries(batch.carried).filter(([site]) => site === given || isStack(architecture, model.config, site));
      batch.carried = { ...Object.fromEntries(kept), [given]: outputs[given] };
    }
    return await sums.read(gather, async (state) => (await store.readState(state)).data as Float32Array, batches);
  } finally {
    compiled.dispose();
    await store.dispose();
  }
}

function isStack(architecture: Architecture, config: ModelConfig, site: string): boolean {
  return architecture.layers(config).some(({ stack }) => stack === site);
}

function shapeOf(statistic: InputStatistic, width: number): number[] {
  return statistic === "gram" ? [width, width] : [width];
}

/** The States of one trace. Weights that read the same value share one. */
class Sums {
  readonly widths: Map<string, number> = new Map();
  private readonly statistic: InputStatistic;
  private readonly states = new Map<Value, string>();
  private readonly byWeight = new Map<string, { readonly state: string; readonly mask: string }>();

  constructor(statistic: InputStatistic) {
    this.statistic = statistic;
  }

  /** Traces the sum over what is not padding of `value` `[batch, seq or sourceSeq, in]`. */
  add(weight: string, value: Value, tracer: Tracer): void {
    const [batch, positions, features] = value.shape;
    const { name: mask, value: counted } = maskOf(value, tracer);
    const known = this.states.get(value);
    const state = known ?? `${STATE}${weight}`;
    this.byWeight.set(weight, { state, mask });
    if (known !== undefined) return;
    this.states.set(value, state);
    this.widths.set(state, features as number);
    const counts = reshape(counted, [mulDims(batch, positions), 1]);
    const x = mul(reshape(value, [mulDims(batch, positions), features]), counts);
    const total = tracer.state(state, "f32", shapeOf(this.statistic, features as number));
    tracer.assign(total, add(total, this.statistic === "gram" ? matmul(x, x, { transposeA: true }) : sum(mul(x, x), [0])));
  }

  async read(
    weights: readonly string[],
    read: (state: string) => Promise<Float32Array>,
    batches: readonly Batch[],
  ): Promise<Map<string, Gathered>> {
    const values = new Map<string, Float32Array>();
    for (const state of this.widths.keys()) {
      const sums = await read(state);
      if (!sums.every(Number.isFinite)) throw inputsNotFinite({ weight: state.slice(STATE.length) });
      values.set(state, sums);
    }
    const inputs = batches.map((batch) => batch.inputs);
    return new Map(
      weights.map((weight) => {
        const { state, mask } = this.byWeight.get(weight)!;
        return [weight, { statistic: values.get(state)!, positions: countPositions(inputs, mask) }];
      }),
    );
  }
}
