import { hashContent, hashJson } from "@pare/core";
import type { StoredWeight } from "@pare/tensor-core";
import type { Checkpoint, Deed, ModelConfig, Provenance, SeenData } from "./checkpoint.ts";
import { saveCheckpoint } from "./folder/save.ts";
import { provenanceToJson } from "./folder/provenance-json.ts";
import { FRESH, mergeSeen, withDeed } from "./provenance.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface CheckpointContent {
  readonly config: ModelConfig;
  readonly weights: Iterable<readonly [string, StoredWeight]>;
  readonly tokenizer?: Tokenizer | undefined;
  /** Default: seen nothing, nothing done to it. */
  readonly provenance?: Provenance | undefined;
}

/** A checkpoint from its content. Reads no weight. */
export function createCheckpoint({ config, weights, tokenizer, provenance = FRESH }: CheckpointContent): Checkpoint {
  const content = { config, weights: new Map(weights), tokenizer, provenance };
  let hash: Promise<string> | undefined;
  const checkpoint: Checkpoint = {
    kind: "checkpoint",
    ...content,
    hash: () => (hash ??= hashOf(content)),
    save: (files) => saveCheckpoint(checkpoint, files),
  };
  return checkpoint;
}

/** The same model with some weights in another form (undefined: taken out), and the deed that did it. */
export function withWeights(
  checkpoint: Checkpoint,
  changes: Iterable<readonly [string, StoredWeight | undefined]>,
  deed?: Deed,
): Checkpoint {
  const weights = new Map(checkpoint.weights);
  for (const [name, weight] of changes) {
    if (weight === undefined) weights.delete(name);
    else weights.set(name, weight);
  }
  return createCheckpoint({ ...checkpoint, weights, provenance: withDeed(checkpoint.provenance, deed) });
}

/** A model of another structure made from this one: config and all weights change together. */
export function withConfig(
  checkpoint: Checkpoint,
  config: ModelConfig,
  weights: Iterable<readonly [string, StoredWeight]>,
  deed?: Deed,
): Checkpoint {
  return createCheckpoint({ ...checkpoint, config, weights, provenance: withDeed(checkpoint.provenance, deed) });
}

/** The same model, which has now seen this data as well (undefined: unknown data). */
export function withSeen(checkpoint: Checkpoint, seen: readonly SeenData[] | undefined): Checkpoint {
  const { provenance } = checkpoint;
  return createCheckpoint({ ...checkpoint, provenance: { ...provenance, seen: mergeSeen(provenance.seen, seen) } });
}

/** Over everything that `save` writes: one pass over the bytes of all parts, one part in memory at a time. */
async function hashOf({
  config,
  weights,
  tokenizer,
  provenance,
}: Pick<Checkpoint, "config" | "weights" | "tokenizer" | "provenance">): Promise<string> {
  const sorted = [...weights].sort(([a], [b]) => (a < b ? -1 : 1));
  const described = sorted.map(([name, { storage, descriptor, parts }]) => ({
    name,
    storage,
    descriptor,
    parts: Object.keys(parts)
      .sort()
      .map((part) => ({ part, dtype: parts[part]!.dtype, shape: parts[part]!.shape })),
  }));
  return hashJson({
    config,
    weights: described,
    data: await hashContent(partBytes(sorted)),
    tokenizer: tokenizer === undefined ? null : { model: tokenizer.toJSON(), config: tokenizer.toConfig() },
    provenance: provenanceToJson(provenance),
  });
}

async function* partBytes(sorted: readonly (readonly [string, StoredWeight])[]): AsyncIterable<Uint8Array> {
  for (const [, { parts }] of sorted) {
    for (const part of Object.keys(parts).sort()) {
      const { data } = await parts[part]!.read();
      yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    }
  }
}
