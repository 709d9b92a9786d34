import { GGUF_FILE, writeGguf, type GgufOutput, type GgufValue } from "@pare/formats";
import { z } from "zod";
import type { Architecture } from "../architecture.ts";
import type { Checkpoint } from "../checkpoint.ts";
import { notExpressible, weightUnknown } from "../errors.ts";
import { provenanceToJson } from "../folder/provenance-json.ts";
import { checkWeights } from "../folder/weights.ts";
import { encodeTensor, planTensor, type GgufPart, type GgufTypeWish } from "../gguf/encode.ts";
import { text, u32, type GgufLayout, type GgufSlot } from "../gguf/mapping.ts";
import { PROVENANCE_KEY } from "../gguf/provenance.ts";
import { ggufTokenizer } from "../gguf/write-tokenizer.ts";
import { reorderRows } from "../weight-rows.ts";
import { defineExporter, type ExportChange, type ExporterPlugin } from "./exporter.ts";

const options: z.ZodType<{ type: GgufTypeWish; tokenizer: boolean; name?: string | undefined }> = z.strictObject({
  type: z
    .enum(["keep", "f32", "f16", "q8_0", "q4_0"])
    .default("keep")
    .describe("of all matrices; keep: each as it is where GGUF can say it, else f32"),
  tokenizer: z.boolean().default(true).describe("false: without the tokenizer, for token ids alone"),
  name: z.string().optional().describe("general.name"),
});

/** llama.cpp's llama_ftype, by what most matrices are. */
const FILE_TYPES: Readonly<Record<string, number>> = { f32: 0, f16: 1, q4_0: 2, q8_0: 7, bf16: 32 };

/** One GGUF file for llama.cpp and what builds on it, of decoders whose architecture says itself in GGUF (`exports.gguf`). */
export const ggufExporter: ExporterPlugin<"gguf"> = defineExporter({
  id: "gguf",
  version: 1,
  package: "@pare/models",
  ending: "gguf",
  options,
  write: async (checkpoint, { files, options: given, registry }) => {
    const { config, weights } = checkpoint;
    const architecture = registry.find("architecture", config.architecture).define as Architecture;
    const layout = layoutOf(architecture, checkpoint);
    const vectors = new Set(architecture.weights(config).flatMap(({ name, role }) => (role === "norm" || role === "bias" ? [name] : [])));
    const tensors: GgufOutput[] = [];
    const changes: ExportChange[] = [];
    for (const slot of layout.slots) {
      const parts = partsOf(slot, weights, vectors);
      const plan = await planTensor(parts, given.type);
      const [first] = parts as [GgufPart, ...GgufPart[]];
      const rows = parts.reduce((sum, { weight }) => sum + weight.shape[0]!, 0);
      tensors.push(encodeTensor(slot.name, plan.type, [rows, ...first.weight.shape.slice(1)], parts));
      changes.push(...plan.changes);
    }
    const metadata = metadataOf(checkpoint, layout, tensors, given);
    await writeGguf(files, GGUF_FILE, { metadata, tensors });
    return { changes, notes: notesOf(checkpoint, given.tokenizer) };
  },
});

/** Throws `models/not-expressible` for an architecture that GGUF does not have. */
function layoutOf(architecture: Architecture, { config, weights }: Checkpoint): GgufLayout {
  checkWeights(architecture, config, weights, "checkpoint");
  if (architecture.embedding?.(config).projection !== undefined) {
    const found = JSON.stringify(config["embeddingSize"]);
    throw notExpressible({ file: GGUF_FILE, field: "token_embd", expected: "an embedding of the hidden size", found });
  }
  const layout = architecture.exports?.["gguf"]?.(config) as GgufLayout | undefined;
  if (layout !== undefined) return layout;
  const expected = "an architecture that says itself in GGUF";
  throw notExpressible({ file: GGUF_FILE, field: "general.architecture", expected, found: config.architecture });
}

function partsOf({ weights: names, order }: GgufSlot, weights: Checkpoint["weights"], vectors: ReadonlySet<string>): GgufPart[] {
  return names.map((name) => {
    const weight = weights.get(name);
    if (weight === undefined) throw weightUnknown({ weight: name, near: [] });
    return { name, weight: order === undefined ? weight : reorderRows(weight, order), vector: vectors.has(name) };
  });
}

function metadataOf(
  { config, tokenizer, provenance }: Checkpoint,
  { architecture, fields }: GgufLayout,
  tensors: readonly GgufOutput[],
  given: { readonly tokenizer: boolean; readonly name?: string | undefined },
): Map<string, GgufValue> {
  const most = mostCommon(tensors.filter(({ shape }) => shape.length > 1).map(({ type }) => type));
  const metadata = new Map<string, GgufValue>([["general.architecture", text(architecture)]]);
  if (given.name !== undefined) metadata.set("general.name", text(given.name));
  metadata.set("general.file_type", u32(FILE_TYPES[most] ?? 0));
  metadata.set("general.quantization_version", u32(2));
  for (const [key, value] of Object.entries(fields)) metadata.set(`${architecture}.${key}`, value);
  const written = given.tokenizer && tokenizer !== undefined ? ggufTokenizer(tokenizer, config.vocabularySize) : undefined;
  for (const [key, value] of written ?? [["tokenizer.ggml.model", text("no_vocab")] as const]) metadata.set(key, value);
  return metadata.set(PROVENANCE_KEY, text(JSON.stringify(provenanceToJson(provenance))));
}

function mostCommon(types: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const type of types) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? "f32";
}

function notesOf({ weights, tokenizer }: Checkpoint, withTokenizer: boolean): string[] {
  const masks = [...weights.values()].filter(({ mask }) => mask !== undefined).length;
  return [
    ...(masks > 0 ? [`${masks} weights were pruned: GGUF keeps their zeros, not that they are pruned.`] : []),
    ...(tokenizer !== undefined && withTokenizer ? [] : ["The file has no tokenizer: it runs on token ids alone."]),
  ];
}
