import { API_VERSION, type Format } from "@pare/core";
import type { NamedTensors } from "../named-tensors.ts";
import { SAFETENSORS_FILE, SAFETENSORS_INDEX, readSafetensors, readShardedSafetensors } from "./read.ts";
import { writeSafetensors } from "./write.ts";

/** `model.safetensors`, or the shards of `model.safetensors.index.json`. */
export const safetensorsFormat: Format<"safetensors", NamedTensors> = {
  kind: "format",
  id: "safetensors",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/formats",
  detect: async (files) => (await files.list()).some((name) => name === SAFETENSORS_FILE || name === SAFETENSORS_INDEX),
  read: async (files) => {
    const names = await files.list();
    const sharded = names.includes(SAFETENSORS_INDEX) && !names.includes(SAFETENSORS_FILE);
    return sharded ? readShardedSafetensors(files) : readSafetensors(files);
  },
  write: (content, files) => writeSafetensors(files, content),
};
