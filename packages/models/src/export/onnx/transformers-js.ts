import { z } from "zod";
import type { OnnxWritten } from "@pare/formats";
import type { Architecture } from "../../architecture.ts";
import { CONFIG_FILE } from "../../folder/names.ts";
import { writeJson, writeTokenizer } from "../../folder/save.ts";
import { huggingFaceConfig, inLibraryForm } from "../../huggingface/save.ts";
import { headOf } from "../../session/head.ts";
import { defineExporter, type ExportChange, type ExporterPlugin } from "../exporter.ts";
import { flavourOf } from "./flavours.ts";
import { changesOf, onnxPacks, writeOnnxModel } from "./write.ts";

/** transformers.js's names of number types: the flavour of each, and the ending of its file's name. */
const DTYPES = {
  fp32: { flavour: "f32", suffix: "" },
  fp16: { flavour: "f16", suffix: "_fp16" },
  q8: { flavour: "int8", suffix: "_quantized" },
  int8: { flavour: "int8", suffix: "_int8" },
  uint8: { flavour: "uint8", suffix: "_uint8" },
  q4: { flavour: "int4", suffix: "_q4" },
} as const;

const dtypes = Object.keys(DTYPES) as (keyof typeof DTYPES)[];

const options = z.strictObject({
  dtypes: z
    .array(z.enum(dtypes as [keyof typeof DTYPES, ...(keyof typeof DTYPES)[]]))
    .min(1)
    .default(["fp32", "q8"])
    .describe("a model file for each"),
  externalFrom: z.int().min(0).max(2e9).default(2e9).describe("bytes of weights from which on they go to a file of their own"),
});

/** Names of the model files, and what of the model each holds. */
const WHOLE = [["model", undefined]] as const;
const TWO_PARTS = [
  ["encoder_model", "encoder"],
  ["decoder_model_merged", "decoder"],
] as const;

/**
 * What transformers.js loads: `config.json`, the tokenizer, and `onnx/model<suffix>.onnx` for each type of numbers. Decoders are written as
 * a decoding call with its cache, others as their forward pass; models for sentence embeddings give `last_hidden_state` as well, which
 * transformers.js pools itself. Encoder–decoders are two models, `encoder_model` and `decoder_model_merged`.
 *
 * Throws `models/not-expressible` for architectures that the transformers library does not have.
 */
export const transformersJsExporter: ExporterPlugin<"transformers.js"> = defineExporter({
  id: "transformers.js",
  version: 1,
  package: "@pare/models",
  options,
  write: async (model, { files, options: given, registry }) => {
    const architecture = registry.find("architecture", model.config.architecture).define as Architecture;
    const checkpoint = inLibraryForm(architecture, model);
    const { config, tokenizer } = checkpoint;
    const raw = huggingFaceConfig(architecture, config);
    const cache = headOf(architecture, config).task === "next-token" && architecture.decode !== undefined;
    const changes: ExportChange[] = [];
    const external: Record<string, number> = {};
    for (const dtype of new Set(given.dtypes)) {
      const { flavour, suffix } = DTYPES[dtype];
      const packs = onnxPacks(registry);
      for (const [name, part] of architecture.encode === undefined ? WHOLE : TWO_PARTS) {
        const file = `${name}${suffix}.onnx`;
        const how = { architecture, flavour: flavourOf(flavour, undefined), cache, part, packs, externalFrom: given.externalFrom };
        const written: OnnxWritten = await writeOnnxModel(files, `onnx/${file}`, checkpoint, how);
        if (written.external !== undefined) external[file] = 1;
        changes.push(...changesOf(written, checkpoint).map((change) => ({ ...change, to: `${dtype}: ${change.to}` })));
      }
    }
    if (tokenizer !== undefined) await writeTokenizer(files, tokenizer);
    const found = Object.keys(external).length === 0 ? {} : { "transformers.js_config": { use_external_data_format: external } };
    await writeJson(files, CONFIG_FILE, { ...raw, ...found });
    return { changes, notes: tokenizer === undefined ? ["The model has no tokenizer: pipelines of transformers.js need one."] : [] };
  },
});
