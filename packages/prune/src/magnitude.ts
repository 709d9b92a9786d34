import { defineStage, type Stage } from "@pare/core";
import { withWeights, type Checkpoint } from "@pare/models";
import type { HostTensor, StoredWeight } from "@pare/tensor-core";
import { z } from "zod";
import { countOf, ONE_SHARE, oneShare } from "./calibrated-pruning.ts";
import { isNOfM, nOfMField, parseNOfM, selectNOfM, type NOfM } from "./n-of-m.ts";
import { linearWeights, loadPrunable, type Prunable } from "./prunable.ts";
import { pruningDeed, retrained, retrainField, type PruneState, type Retrain } from "./retrain.ts";
import { blockOf, expandMask, patternField, scoreMagnitude, unitsOf, type Pattern } from "./score.ts";
import { selector, thresholdOf, thresholdOver } from "./select.ts";
import { refuseUnknown, shareField, shareOf, type Share } from "./share.ts";
import { storageField, storePruned, type PrunedStorage } from "./store-pruned.ts";

const ID = "prune/magnitude";
const VERSION = 2;

/** Options of {@link magnitude}. */
export interface MagnitudeOptions {
  /**
   * Share of the weights (or blocks) that is gone afterwards, those of earlier steps counted; at least 0, below 1. By name of weight:
   * those not named stay as they are. With a pattern N:M left out.
   */
  readonly sparsity?: Share | undefined;
  /** Single weights by |w| (default), blocks of outputs × inputs by their L2 norm (`"4x1"`, `"4x2"`, `"8x1"`, `"16x1"`), or of M consecutive inputs the N largest: "2:4". */
  readonly pattern?: Pattern | NOfM | undefined;
  /** Where that share is met exactly: each matrix (default), each row of it, or all matrices together. */
  readonly scope?: "matrix" | "row" | "global" | undefined;
  /** How pruned weights leave: sparse, dense beside their mask, or whichever is smaller (default). */
  readonly storage?: PrunedStorage | undefined;
  /** A step that trains what is left: `{ use: "train/finetune", … }`. */
  readonly retrain?: Retrain | undefined;
}

interface Settings {
  readonly sparsity?: Share | undefined;
  readonly pattern: Pattern | NOfM;
  readonly scope: "matrix" | "row" | "global";
  readonly storage: PrunedStorage;
  readonly retrain?: Retrain | undefined;
}

const options: z.ZodType<Settings, MagnitudeOptions> = z
  .object({
    sparsity: shareField.optional().describe("share of weights that is gone afterwards, or shares by weight"),
    pattern: patternField
      .or(nOfMField)
      .default("unstructured")
      .describe("single weights, blocks of outputs × inputs (4x1, 4x2, 8x1, 16x1), or N of M consecutive inputs (2:4)"),
    scope: z.enum(["matrix", "row", "global"]).default("matrix").describe("where the share is met exactly"),
    storage: storageField,
    retrain: retrainField,
  })
  .refine(oneShare, ONE_SHARE)
  .refine(({ pattern, scope }) => !isNOfM(pattern) || scope === "matrix", {
    message: "a pattern N:M meets its share in every group: leave `scope` out",
    path: ["scope"],
  })
  .refine(({ sparsity, scope }) => typeof sparsity !== "object" || scope !== "global", {
    message: "shares by weight are met in each weight, not in all together",
    path: ["scope"],
  });

/**
 * Removes the smallest linear weights (Han et al. 2015), or blocks of them; embeddings, norms and biases stay. Exactly
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
    const names = linearWeights(model, context).map(({ name }) => name);
    refuseUnknown(given.sparsity, "sparsity", names);
    const select = await selection(model, names, given);
    const changes: [string, StoredWeight][] = [];
    for (const [done, name] of names.entries()) {
      context.signal.throwIfAborted();
      changes.push([name, await prune(name, model.weights.get(name)!, given, select)]);
      context.emit({ type: "progress", progress: { done: done + 1, total: names.length, unit: "weights", message: name } });
    }
    const pruned = withWeights(model, changes, pruningDeed(ID, VERSION, given, context));
    return { model: await retrained(pruned, state, given.retrain, context) };
  },
});

/** Its values and mask, and the keys of its units. */
async function load(name: string, stored: StoredWeight, pattern: Pattern): Promise<Prunable & { readonly keys: Uint32Array }> {
  const loaded = await loadPrunable(name, stored);
  const [rows, columns] = loaded.values.shape;
  return { ...loaded, keys: scoreMagnitude(loaded.values.data as Float32Array, loaded.mask, rows, columns, pattern) };
}

/** Chooses within one weight, called weight by weight in order: 1 stays, 0 goes. */
type Select = (name: string, keys: Uint32Array, columns: number) => Uint8Array;

async function selection(model: Checkpoint, names: readonly string[], { sparsity = 0, pattern, scope }: Settings): Promise<Select> {
  if (isNOfM(pattern)) {
    return (_name, keys, columns) => {
      const kept = new Uint8Array(keys.length);
      selectNOfM(keys, kept, columns, pattern);
      return kept;
    };
  }
  const count = (name: string, units: number): number => countOf(shareOf(sparsity, name), units);
  if (scope === "matrix") return (name, keys) => selector(thresholdOf(keys, count(name, keys.length)))(keys);
  if (scope === "row") {
    return (name, keys, columns) => {
      const kept = new Uint8Array(keys.length);
      for (let at = 0; at < keys.length; at += columns) {
        const row = keys.subarray(at, at + columns);
        kept.set(selector(thresholdOf(row, count(name, columns)))(row), at);
      }
      return kept;
    };
  }
  const total = names.reduce((sum, name) => {
    const [rows, columns] = model.weights.get(name)!.shape;
    const units = unitsOf(pattern, rows, columns);
    return sum + units.rows * units.columns;
  }, 0);
  const select = selector(await thresholdOver(() => allKeys(model, names, pattern), countOf(sparsity as number, total)));
  return (_name, keys) => select(keys);
}

async function* allKeys(model: Checkpoint, names: readonly string[], pattern: Pattern): AsyncIterable<Uint32Array> {
  for (const name of names) yield (await load(name, model.weights.get(name)!, pattern)).keys;
}

async function prune(name: string, stored: StoredWeight, { pattern: asked, storage }: Settings, select: Select): Promise<StoredWeight> {
  const pattern = isNOfM(asked) ? "unstructured" : asked;
  const { values, mask, keys } = await load(name, stored, pattern);
  const [rows, columns] = values.shape;
  const kept = expandMask(select(name, keys, unitsOf(pattern, rows, columns).columns), mask, rows, columns, pattern);
  if (kept.every((bit) => bit === 1)) return stored;
  const data = (values.data as Float32Array).map((value, index) => (kept[index] === 0 ? 0 : value));
  const keptMask: HostTensor = { dtype: "u8", shape: values.shape, data: kept };
  return storePruned({ ...values, data }, keptMask, isNOfM(asked) ? parseNOfM(asked) : blockOf(asked), storage);
}
