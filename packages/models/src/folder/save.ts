import { writeText, type FileSet } from "@pare/core";
import { SAFETENSORS_FILE, writeSafetensors } from "@pare/formats";
import type { TensorSource } from "@pare/tensor-core";
import type { Checkpoint, Provenance } from "../checkpoint.ts";
import { weightNameInvalid } from "../errors.ts";
import type { Tokenizer } from "../tokenizer.ts";
import {
  CONFIG_FILE,
  PIECES_KEY,
  PROVENANCE_FILE,
  STORAGES_KEY,
  TOKENIZER_CONFIG_FILE,
  TOKENIZER_FILE,
  tensorName,
  type StorageEntry,
} from "./names.ts";
import { provenanceToJson } from "./provenance-json.ts";

/**
 * Writes `model.safetensors`, `tokenizer.json` and `tokenizer_config.json` (where there is a tokenizer), `provenance.json`
 * and last `config.json`. Same content, same bytes. Weights are read one part at a time; one that cannot be read stops the
 * save before anything stands under its name.
 */
export async function saveCheckpoint(checkpoint: Checkpoint, files: FileSet): Promise<void> {
  const { config, weights, tokenizer, provenance } = checkpoint;
  const tensors = new Map<string, TensorSource>();
  const storages: Record<string, StorageEntry> = {};
  for (const [name, { storage, descriptor, parts }] of [...weights].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (name === "" || name.includes("#") || name === "__metadata__") throw weightNameInvalid({ weight: name });
    for (const [part, source] of Object.entries(parts)) tensors.set(tensorName(name, storage, part), source);
    if (storage !== "dense") storages[name] = { storage, descriptor };
  }
  const spare = tokenizer !== undefined && tokenizer.vocabularySize !== config.vocabularySize;
  const metadata = {
    format: "pt",
    ...(spare ? { [PIECES_KEY]: String(tokenizer.vocabularySize) } : {}),
    ...(Object.keys(storages).length === 0 ? {} : { [STORAGES_KEY]: JSON.stringify(storages) }),
  };
  await writeSafetensors(files, { tensors, metadata }, SAFETENSORS_FILE);
  if (tokenizer !== undefined) await writeTokenizer(files, tokenizer);
  await saveProvenance(provenance, files);
  await writeJson(files, CONFIG_FILE, config);
}

/** Writes `tokenizer.json` and `tokenizer_config.json`. */
export async function writeTokenizer(files: FileSet, tokenizer: Tokenizer): Promise<void> {
  await writeJson(files, TOKENIZER_FILE, tokenizer.toJSON());
  await writeJson(files, TOKENIZER_CONFIG_FILE, tokenizer.toConfig());
}

/** Writes `provenance.json`: `loadCheckpoint` reads it beside any model. */
export async function saveProvenance(provenance: Provenance, files: FileSet): Promise<void> {
  await writeJson(files, PROVENANCE_FILE, provenanceToJson(provenance));
}

export async function writeJson(files: FileSet, name: string, value: unknown): Promise<void> {
  await writeText(files, name, `${JSON.stringify(value, null, 2)}\n`);
}
