/** A checkpoint as a folder that the transformers library loads. */
import { writeText, type FileSet } from "@pare/core";
import { SAFETENSORS_FILE, writeSafetensors } from "@pare/formats";
import { sourceOf, type StoredWeight, type TensorSource } from "@pare/tensor-core";
import type { Architecture, RawConfig } from "../architecture.ts";
import type { Checkpoint, ModelConfig } from "../checkpoint.ts";
import { createCheckpoint } from "../create-checkpoint.ts";
import { notExpressible } from "../errors.ts";
import { checkWeights } from "../folder/weights.ts";
import { CONFIG_FILE } from "../folder/names.ts";
import { saveProvenance, writeJson, writeTokenizer } from "../folder/save.ts";
import { fileTensors, type FileTensor } from "./names.ts";
import { reshaped, stacked, turned } from "./sources.ts";

/** What the folder does not say of the model. */
export interface HuggingFaceSaved {
  /** Weights that were quantized or sparse, and are dense f32 in the folder. */
  readonly densified: readonly string[];
  /** Weights whose mask is not in the folder: what was pruned are zeros like others. */
  readonly masks: readonly string[];
}

/** What a format that stands on such a folder changes of it. */
export interface HuggingFaceChanges {
  /** Further fields of config.json. */
  readonly config: RawConfig;
  /** The tensors that are written, made from the plain ones. */
  readonly tensors: (plain: ReadonlyMap<string, TensorSource>) => ReadonlyMap<string, TensorSource>;
}

/**
 * Writes `config.json`, `model.safetensors` under PyTorch's names, `tokenizer.json`, `tokenizer_config.json` and `provenance.json`.
 * Dense weights keep their element type; those of other storages become f32, and the result says which. Weights are read one tensor at
 * a time. {@link loadCheckpoint} reads the folder again.
 *
 * Throws `models/not-expressible` for an architecture that transformers does not have, and for what its config cannot say, such as
 * heads that differ from layer to layer.
 */
export async function saveHuggingFace(
  checkpoint: Checkpoint,
  architecture: Architecture,
  files: FileSet,
  changes?: HuggingFaceChanges,
): Promise<HuggingFaceSaved> {
  const { weights, tokenizer, provenance } = checkpoint;
  checkWeights(architecture, checkpoint.config, weights, "checkpoint");
  const written = inLibraryForm(architecture, checkpoint);
  const { config } = written;
  const raw = huggingFaceConfig(architecture, config);
  const tensors = huggingFaceTensors(architecture, written);
  await writeSafetensors(files, { tensors: changes?.tensors(tensors) ?? tensors, metadata: { format: "pt" } }, SAFETENSORS_FILE);
  if (tokenizer !== undefined) await writeTokenizer(files, tokenizer);
  for (const [name, json] of Object.entries(architecture.huggingface!.beside?.(config) ?? {})) await writeJson(files, name, json);
  await saveProvenance(provenance, files);
  await writeText(files, CONFIG_FILE, configText({ ...raw, dtype: dtypeOf(tensors), ...changes?.config }));
  const named = [...weights];
  return {
    densified: named.flatMap(([name, { storage }]) => (storage === "dense" ? [] : [name])),
    masks: named.flatMap(([name, { mask }]) => (mask === undefined ? [] : [name])),
  };
}

/** Fields that transformers declares as floats and refuses as integers, which is how JavaScript writes whole ones. */
const FLOATS = /"((?:\w+_)?(?:factor|theta|dropout|pdrop|prob|rate|eps|epsilon|range|beta_fast|beta_slow))": (-?\d+)(?=,?$)/gm;

/** config.json as text, floats with their point: `"initializer_factor": 1.0`. */
export function configText(config: RawConfig): string {
  return `${JSON.stringify(config, null, 2)}\n`.replaceAll(FLOATS, '"$1": $2.0');
}

/** The same function with its weights as the transformers library has them: what its folders are written from. */
export function inLibraryForm(architecture: Architecture, checkpoint: Checkpoint): Checkpoint {
  const turned = architecture.huggingface?.library?.(checkpoint.config, checkpoint.weights);
  return turned === undefined ? checkpoint : createCheckpoint({ ...checkpoint, ...turned });
}

/** The config.json of a model for transformers: the fields it came with, and over them those that Pare knows. Throws `models/not-expressible`. */
export function huggingFaceConfig(architecture: Architecture, config: ModelConfig): RawConfig {
  if (architecture.huggingface === undefined) {
    throw notExpressible({
      file: "config.json",
      field: "architecture",
      expected: "an architecture of the transformers library",
      found: config.architecture,
    });
  }
  if (architecture.embedding?.(config).projection !== undefined) {
    const expected = "an embedding of the hidden size: transformers' models of this kind have no other";
    throw notExpressible({ file: "config.json", field: "embeddingSize", expected, found: JSON.stringify(config["embeddingSize"]) });
  }
  const { torch_dtype: _, ...kept } = (config["huggingface"] ?? {}) as RawConfig;
  return { ...kept, ...architecture.huggingface.write(config) };
}

/** A model's weights as the tensors of a transformers file, by their names there; nothing is read before it is used. */
export function huggingFaceTensors(architecture: Architecture, { config, weights }: Checkpoint): Map<string, TensorSource> {
  const tensors = fileTensors(architecture, architecture.huggingface!.names, config);
  return new Map(tensors.map((tensor) => [tensor.tensor, tensorOf(tensor, weights)]));
}

function tensorOf({ parts, transposed, shape }: FileTensor, weights: ReadonlyMap<string, StoredWeight>): TensorSource {
  const sources = parts.map(({ weight }) => valuesOf(weights.get(weight)!));
  const alike = sources.every(({ dtype }) => dtype === sources[0]!.dtype);
  const matrix = stacked(alike ? sources : parts.map(({ weight }) => floats(weights.get(weight)!)));
  return reshaped(transposed === true ? turned(matrix) : matrix, shape);
}

/** A dense weight's values in their element type; others as the f32 they stand for. */
function valuesOf(weight: StoredWeight): TensorSource {
  return weight.storage === "dense" ? weight.parts["values"]! : floats(weight);
}

function floats({ shape, dense }: StoredWeight): TensorSource {
  return { ...sourceOf({ dtype: "f32", shape, data: new Float32Array(0) }), bytes: 4 * shape.reduce((a, b) => a * b, 1), read: dense };
}

const TORCH_NAMES: Readonly<Record<string, string>> = { f32: "float32", f16: "float16", bf16: "bfloat16", f64: "float64" };

/** What transformers loads the model as: the type of all tensors, f32 where they differ. */
function dtypeOf(tensors: ReadonlyMap<string, TensorSource>): string {
  const [first, ...others] = new Set([...tensors.values()].map(({ dtype }) => dtype));
  return others.length > 0 || first === undefined ? "float32" : TORCH_NAMES[first]!;
}
