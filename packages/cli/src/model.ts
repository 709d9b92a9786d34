/** Models that a command names, and what can be said of one without running it. */
import { resolve } from "node:path";
import type { Registry } from "@pare/core";
import { pathFiles } from "@pare/core/node";
import { loadCheckpoint, type Checkpoint } from "@pare/models";
import { sizeOf, type StoredWeight } from "@pare/tensor-core";

/** Opens a model's folder (headers only). Throws `core/folder-missing` and what `loadCheckpoint` throws. */
export async function openModel(path: string, cwd: string, registry: Registry): Promise<Checkpoint> {
  return loadCheckpoint(await pathFiles(resolve(cwd, path)), registry);
}

export interface ModelSize {
  readonly parameters: number;
  /** Parameters that were not pruned. */
  readonly kept: number;
  /** Of all weights as they are stored. */
  readonly bytes: number;
}

/** Reads the masks of pruned weights and nothing else. */
export async function modelSize({ weights }: Checkpoint): Promise<ModelSize> {
  let parameters = 0;
  let kept = 0;
  let bytes = 0;
  for (const weight of weights.values()) {
    const size = sizeOf(weight.shape);
    parameters += size;
    kept += weight.mask === undefined ? size : await keptOf(weight.mask);
    bytes += weight.bytes;
  }
  return { parameters, kept, bytes };
}

async function keptOf(mask: NonNullable<StoredWeight["mask"]>): Promise<number> {
  let kept = 0;
  for (const value of (await mask()).data) if (Number(value) !== 0) kept++;
  return kept;
}
