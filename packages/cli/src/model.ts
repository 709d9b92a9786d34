/** Models that a command names, and what can be said of one without running it. */
import type { Registry } from "@pare/core";
import { openFiles } from "@pare/core/node";
import { loadCheckpoint, type Checkpoint } from "@pare/models";
import { sizeOf, type StoredWeight } from "@pare/tensor-core";
import type { Cli } from "./cli.ts";

/**
 * Opens a model by the path of its folder or file, or by a source's name, `hub:owner/name`; reads headers, and of a source fetches what
 * is needed. Throws `core/folder-missing`, `core/plugin-unknown`, what the source throws, and what `loadCheckpoint` throws.
 */
export async function openModel(name: string, { terminal, progress, offline }: Cli, registry: Registry): Promise<Checkpoint> {
  const { cwd, signal } = terminal;
  const files = await openFiles(name, { registry, cwd, signal, progress: progress.show, offline: offline ? true : undefined });
  return loadCheckpoint(files, registry).finally(progress.stop);
}

export interface ModelSize {
  readonly parameters: number;
  /** Parameters that are neither pruned nor, in quantized weights, rounded to zero. */
  readonly kept: number;
  /** Of all weights as they are stored. */
  readonly bytes: number;
}

/** Reads masks and quantized weights, one at a time, and nothing else. */
export async function modelSize({ weights }: Checkpoint): Promise<ModelSize> {
  let parameters = 0;
  let kept = 0;
  let bytes = 0;
  for (const weight of weights.values()) {
    const size = sizeOf(weight.shape);
    parameters += size;
    kept += await keptOf(weight, size);
    bytes += weight.bytes;
  }
  return { parameters, kept, bytes };
}

/** A quantized weight has no mask: what was pruned has the code of zero there, as has what was rounded to it. */
async function keptOf({ mask, trainable, dense, kept: count }: StoredWeight, size: number): Promise<number> {
  if (mask === undefined && trainable) return size;
  if (mask === undefined && count !== undefined) return count();
  let kept = 0;
  for (const value of (await (mask ?? dense)()).data) if (Number(value) !== 0) kept++;
  return kept;
}
