import { isPlainObject, type FileSet } from "@pare/core";
import type { TensorSource } from "@pare/tensor-core";
import { indexInvalid } from "../errors.ts";
import { parseJson } from "../json.ts";
import { at, rangeSource, type NamedTensors } from "../named-tensors.ts";
import { readHeader } from "./header.ts";

export const SAFETENSORS_FILE = "model.safetensors";
export const SAFETENSORS_INDEX = "model.safetensors.index.json";

/**
 * Opens one safetensors file: reads its header, and a tensor's own bytes when that tensor is used.
 *
 * Throws a `formats/…` error naming file and field for anything the format does not allow.
 */
export async function readSafetensors(files: FileSet, name: string = SAFETENSORS_FILE): Promise<NamedTensors> {
  const { entries, metadata } = await readHeader(files, name);
  const file = name;
  const tensors = entries.map(
    ({ name: tensor, dtype, shape, begin }) => [tensor, rangeSource({ files, file, tensor, dtype, shape, begin })] as const,
  );
  return { tensors: new Map(tensors), metadata };
}

/** Opens a model that is cut into several safetensors files, by its index. Reads the index and every shard's header. */
export async function readShardedSafetensors(files: FileSet, index: string = SAFETENSORS_INDEX): Promise<NamedTensors> {
  const map = await readIndex(files, index);
  const tensors = new Map<string, TensorSource>();
  const metadata: Record<string, string> = {};
  for (const shard of [...new Set(map.values())].sort()) {
    const part = await readSafetensors(files, shard);
    for (const [tensor, source] of part.tensors) {
      if (map.get(tensor) !== shard) {
        throw indexInvalid({ file: at(files, index), field: `weight_map.${tensor}`, expected: shard, found: map.get(tensor) ?? "nothing" });
      }
      tensors.set(tensor, source);
    }
    Object.assign(metadata, part.metadata);
  }
  for (const [tensor, shard] of map) {
    if (!tensors.has(tensor))
      throw indexInvalid({
        file: at(files, index),
        field: `weight_map.${tensor}`,
        expected: `the tensor in ${shard}`,
        found: "no such tensor there",
      });
  }
  return { tensors, metadata };
}

async function readIndex(files: FileSet, index: string): Promise<Map<string, string>> {
  const file = at(files, index);
  const fail = (field: string, expected: string, found: string): Error => indexInvalid({ file, field, expected, found });
  const json = parseJson(await files.read(index), (found) => fail("index", "JSON", found));
  const map = isPlainObject(json) ? json["weight_map"] : undefined;
  if (!isPlainObject(map)) throw fail("weight_map", "a file name for every tensor", typeof map);
  const present = new Set(await files.list());
  for (const [tensor, shard] of Object.entries(map)) {
    // Only names that the set itself lists are opened: an index cannot point outside its folder.
    if (typeof shard !== "string" || !present.has(shard))
      throw fail(`weight_map.${tensor}`, "a file of this folder", JSON.stringify(shard));
  }
  return new Map(Object.entries(map as Record<string, string>));
}
