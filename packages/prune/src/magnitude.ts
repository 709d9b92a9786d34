import { defineStage, type Stage } from "@pare/core";
import { withWeights, type Checkpoint } from "@pare/models";
import { subjectOf } from "@pare/training";
import type { HostTensor, StoredWeight } from "@pare/tensor-core";
import { z } from "zod";
import { notFinite, quantizedWeight } from "./errors.ts";
import { retrained, retrainField, type PruneState, type Retrain } from "./retrain.ts";
import { expandMask, scoreMagnitude, unitRowsOf, type Pattern } from "./score.ts";
import { selector, thresholdOf, thresholdOver } from "./select.ts";
import { storePruned, wholeBlocks, type PrunedStorage } from "./store-pruned.ts";

const ID = "prune/magnitude";
const VERSION = 1;

/** Options of {@link magnitude}. */
export interface MagnitudeOptions {
  /** Share of the weights (or blocks) that is gone afterwards, those of earlier steps counted; at least 0, below 1. */
  readonly sparsity: number;
  /** Single weights by |w| (default), or blocks of 4 outputs × 1 input by their L2 norm. */
  readonly pattern?: Pattern | undefined;
  /** Where that share is met exactly: each matrix (default), each row of it, or all matrices together. */
  readonly scope?: "matrix" | "row" | "global" | undefined;
  /** How pruned weights leave: sparse, dense beside their mask, or whichever is smaller (default). */
  readonly storage?: PrunedStorage | undefined;
  /** A step that trains what is left: `{ use: "train/finetune", … }`. */
  readonly retrain?: Retrain | undefined;
}

interface Settings {
  readonly sparsity: number;
  readonly pattern: Pattern;
  readonly scope: "matrix" | "row" | "global";
  readonly storage: PrunedStorage;
  readonly retrain?: Retrain | undefined;
}

const options: z.ZodType<Settings, MagnitudeOptions> = z.object({
  sparsity: z.number().min(0).lt(1).describe("share of weights that is gone afterwards"),
  pattern: z.enum(["unstructured", "4x1"]).default("unstructured").describe("single weights, or blocks of 4 outputs × 1 input"),
  scope: z.enum(["matrix", "row", "global"]).default("matrix").describe("where the share is met exactly"),
  storage: z.enum(["auto", "dense", "sparse"]).default("auto").describe("form of the pruned weights"),
  retrain: retrainField,
});

/**
 * Removes the smallest linear weights (Han et al. 2015), or 4×1 blocks of them; embeddings, norms and biases stay. Exactly
 * ⌊sparsity · n⌋ go in each scope, equal magnitudes in order of index. What earlier steps pruned goes first.
 *
 * @throws `prune/quantized-weight`, `prune/not-finite`, and what the retraining step throws.
 */
export const magnitude: Stage<typeof ID, MagnitudeOptions, PruneState, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => {
    const { model } = state;
    const { architecture } = subjectOf(model, context.registry);
    const names = architecture.weights(model.config).flatMap(({ name, role }) => (role === "linear" ? [name] : []));
    refuseQuantized(model, names);
    const select = await selection(model, names, given);
    const changes: [string, StoredWeight][] = [];
    for (const [done, name] of names.entries()) {
      context.signal.throwIfAborted();
      changes.push([name, await prune(name, model.weights.get(name)!, given, select)]);
      context.emit({ type: "progress", progress: { done: done + 1, total: names.length, unit: "weights", message: name } });
    }
    const pruned = withWeights(model, changes, { use: ID, version: VERSION, options: toOptions(given), seed: context.seed });
    return { model: await retrained(pruned, state, given.retrain, context) };
  },
});

/** Throws `prune/quantized-weight` if any of these weights is quantized. */
export function refuseQuantized(model: Checkpoint, names: Iterable<string>): void {
  for (const name of names) {
    const { trainable, storage } = model.weights.get(name)!;
    if (!trainable) throw quantizedWeight({ weight: name, storage });
  }
}

interface Loaded {
  readonly values: HostTensor;
  readonly mask: Uint8Array | undefined;
  readonly keys: Uint32Array;
}

/** Throws `prune/not-finite`. */
async function load(name: string, stored: StoredWeight, pattern: Pattern): Promise<Loaded> {
  const values = await stored.dense();
  const data = values.data as Float32Array;
  const index = data.findIndex((value) => !Number.isFinite(value));
  if (index >= 0) throw notFinite({ weight: name, index, found: data[index] });
  const mask = (await stored.mask?.())?.data as Uint8Array | undefined;
  const [rows, columns] = values.shape;
  return { values, mask, keys: scoreMagnitude(data, mask, rows, columns, pattern).keys };
}

/** Chooses within one weight, called weight by weight in order: 1 stays, 0 goes. */
type Select = (keys: Uint32Array, columns: number) => Uint8Array;

async function selection(model: Checkpoint, names: readonly string[], { sparsity, pattern, scope }: Settings): Promise<Select> {
  // A hair more, so that 0.29 · 100 is 29.
  const count = (units: number): number => Math.floor(sparsity * units + 1e-6);
  if (scope === "matrix") return (keys) => selector(thresholdOf(keys, count(keys.length)))(keys);
  if (scope === "row") {
    return (keys, columns) => {
      const kept = new Uint8Array(keys.length);
      for (let at = 0; at < keys.length; at += columns) {
        const row = keys.subarray(at, at + columns);
        kept.set(selector(thresholdOf(row, count(columns)))(row), at);
      }
      return kept;
    };
  }
  const total = names.reduce((sum, name) => {
    const [rows, columns] = model.weights.get(name)!.shape;
    return sum + unitRowsOf(pattern, rows) * columns;
  }, 0);
  return selector(await thresholdOver(() => allKeys(model, names, pattern), count(total)));
}

async function* allKeys(model: Checkpoint, names: readonly string[], pattern: Pattern): AsyncIterable<Uint32Array> {
  for (const name of names) yield (await load(name, model.weights.get(name)!, pattern)).keys;
}

async function prune(name: string, stored: StoredWeight, { pattern, storage }: Settings, select: Select): Promise<StoredWeight> {
  const { values, mask, keys } = await load(name, stored, pattern);
  const [rows, columns] = values.shape;
  const kept = expandMask(select(keys, columns), mask, rows, columns, pattern);
  if (kept.every((bit) => bit === 1)) return stored;
  const data = (values.data as Float32Array).map((value, index) => (kept[index] === 0 ? 0 : value));
  const keptMask: HostTensor = { dtype: "u8", shape: values.shape, data: kept };
  return storePruned({ ...values, data }, keptMask, pattern === "4x1" && wholeBlocks(keptMask) ? "4x1" : "unstructured", storage);
}

/** Options as JSON: the step to retrain with leaves its own deed. */
function toOptions({ retrain: _retrain, ...rest }: Settings): object {
  return rest;
}
