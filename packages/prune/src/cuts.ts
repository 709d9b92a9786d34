/** Taking rows and columns out of weights. */
import type { Context } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import type { StoredWeight } from "@pare/tensor-core";
import { sliceWeight } from "./slice-weight.ts";

export interface Cut {
  readonly weight: string;
  readonly axis: 0 | 1;
  /** Indices along the axis, ascending. */
  readonly kept: readonly number[];
}

/** All weights, those that are cut as their storage keeps them; see `sliceWeight`. */
export async function cutWeights(model: Checkpoint, cuts: readonly Cut[], context: Context): Promise<Map<string, StoredWeight>> {
  const weights = new Map(model.weights);
  for (const [done, { weight, axis, kept }] of cuts.entries()) {
    context.signal.throwIfAborted();
    const stored = weights.get(weight)!;
    if (kept.length < stored.shape[axis]) weights.set(weight, await sliceWeight(stored, axis, kept));
    context.emit({ type: "progress", progress: { done: done + 1, total: cuts.length, unit: "weights", message: weight } });
  }
  return weights;
}
