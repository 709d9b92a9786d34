/** What a model takes, and what it loses: the figures that sensitivity scans weigh against each other. */
import type { Context } from "@pare/core";
import { forwardGraph, padRows, type Checkpoint } from "@pare/models";
import { compile, countFlops, createStore, sizeOf, type Chooser, type StoredWeight } from "@pare/tensor-core";
import { deviceOf, listeners, subjectOf } from "@pare/training";

export interface Costs {
  /** Numbers that are left: what is pruned and stored all the same does not count. */
  readonly parameters: number;
  /** Of the weights as they are stored. */
  readonly bytes: number;
  /** Of the forward pass per token over 128 tokens or the whole context, a product with its sum as two; products with pruned weights left out. */
  readonly flops: number;
  /** Median of a forward pass; only where it was asked for. */
  readonly seconds?: number | undefined;
}

export interface LatencyOptions {
  /** Tokens of the one row that runs. */
  readonly tokens: number;
  /** How many runs the median is of. */
  readonly rounds: number;
}

/** Reads the masks, one weight at a time. Throws `training/device-missing` where a latency is asked for. */
export async function costsOf(model: Checkpoint, context: Context, latency?: LatencyOptions): Promise<Costs> {
  const { architecture } = subjectOf(model, context.registry);
  const roles = new Map(architecture.weights(model.config).map(({ name, role }) => [name, role]));
  let [parameters, bytes, skipped] = [0, 0, 0];
  for (const [name, stored] of model.weights) {
    const gone = await prunedOf(stored);
    parameters += sizeOf(stored.shape) - gone;
    bytes += stored.bytes;
    if (roles.get(name) === "linear") skipped += 2 * gone;
  }
  const context128 = typeof model.config["contextLength"] === "number" ? Math.min(128, model.config["contextLength"]) : 128;
  const dims = { batch: 1, seq: context128, sourceSeq: context128 };
  const flops = Math.round(countFlops(forwardGraph(architecture, model.config), dims) / context128) - skipped;
  return { parameters, bytes, flops, ...(latency && { seconds: await latencyOf(model, context, latency) }) };
}

async function prunedOf(stored: StoredWeight): Promise<number> {
  if (stored.mask === undefined) return 0;
  const { data } = await stored.mask();
  let gone = 0;
  for (const bit of data as Uint8Array) if (bit === 0) gone++;
  return gone;
}

async function latencyOf(model: Checkpoint, context: Context, { tokens, rounds }: LatencyOptions): Promise<number> {
  const device = deviceOf(context, "prune/trial");
  const { architecture } = subjectOf(model, context.registry);
  const row = Array.from({ length: tokens }, (_, at) => at % model.config.vocabularySize);
  const inputs = padRows([row], architecture.encode === undefined ? undefined : [row]);
  const store = createStore(device, { weights: model.weights });
  const chooser = context.chooser as Chooser | undefined;
  const compiled = compile(forwardGraph(architecture, model.config), { store, ...listeners(context, device), ...(chooser && { chooser }) });
  const seconds: number[] = [];
  try {
    // The first run compiles, uploads and lets the chooser measure.
    for (let round = -1; round < rounds; round++) {
      context.signal.throwIfAborted();
      const began = performance.now();
      await compiled.run(inputs);
      if (round >= 0) seconds.push((performance.now() - began) / 1000);
    }
  } finally {
    compiled.dispose();
    await store.dispose();
  }
  return seconds.sort((a, b) => a - b)[seconds.length >> 1];
}
