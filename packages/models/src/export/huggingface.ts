import { z } from "zod";
import type { Architecture } from "../architecture.ts";
import { saveHuggingFace } from "../huggingface/save.ts";
import { defineExporter, type ExportChange, type ExporterPlugin } from "./exporter.ts";

/**
 * A folder that the transformers library loads: dense weights under PyTorch's names, in their element types. Other storages become f32.
 * Rotary pairs of neighbours, as llama2.c has them, are put half a head apart, as the library has them: the function stays the same.
 * Refuses what config.json cannot say (`models/not-expressible`).
 */
export const huggingFaceExporter: ExporterPlugin<"huggingface"> = defineExporter({
  id: "huggingface",
  version: 1,
  package: "@pare/models",
  options: z.strictObject({}),
  write: async (checkpoint, { files, registry }) => {
    const architecture = registry.find("architecture", checkpoint.config.architecture).define as Architecture;
    const { densified, masks } = await saveHuggingFace(checkpoint, architecture, files);
    const changes = densified.map((weight): ExportChange => {
      const from = checkpoint.weights.get(weight)!.storage;
      return { weight, from, to: "f32", exact: true, why: "the transformers library reads dense weights" };
    });
    const zeros = `${masks.length} pruned weights are written as zeros: which of them were pruned is not in the folder`;
    return { changes, notes: masks.length === 0 ? [] : [zeros] };
  },
});
