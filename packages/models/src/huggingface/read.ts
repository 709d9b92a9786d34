/** A folder of the transformers library as a checkpoint. */
import { nearNames, type FileSet } from "@pare/core";
import { SAFETENSORS_FILE, safetensorsFormat, type NamedTensors } from "@pare/formats";
import { denseWeight, type StoredWeight, type TensorSource } from "@pare/tensor-core";
import type { Architecture, HuggingFace, RawConfig } from "../architecture.ts";
import type { ModelConfig } from "../checkpoint.ts";
import { configInvalid, pluginMissing, weightExtra, weightMissing } from "../errors.ts";
import { finiteSource } from "../folder/finite.ts";
import { readJsonFile } from "../folder/json-file.ts";
import type { ModelPlugins } from "../folder/load.ts";
import { onnxTensors, readOnnxContent } from "../folder/onnx.ts";
import { checkShape } from "../folder/weights.ts";
import { fileTensors, namesOf, type FileTensor } from "./names.ts";
import { readCompressed } from "./compressed.ts";
import { reshaped, rowsOf, turned } from "./sources.ts";

/** The model of a folder whose config.json names a `model_type`. */
export interface HuggingFaceModel {
  readonly architecture: Architecture;
  readonly config: ModelConfig;
  readonly weights: ReadonlyMap<string, StoredWeight>;
  /** In words, with the tensors that were left aside. */
  readonly origin: string;
}

/**
 * Reads headers alone; matrices are turned and cut when they are used.
 *
 * Throws `models/plugin-missing` for a model type that no registered architecture reads, `models/config-invalid`,
 * `models/weight-missing`, `models/weight-shape-mismatch`, and `models/weight-extra` for a tensor that the architecture does not know.
 */
export async function readHuggingFace(files: FileSet, raw: RawConfig, registry: ModelPlugins): Promise<HuggingFaceModel> {
  const file = `${files.location}/config.json`;
  const { architecture, huggingface } = readerOf(raw, registry, file);
  const { quantization_config: quantization, ...plain } = raw;
  const present = await files.list();
  const beside = async (name: string): Promise<unknown> => (present.includes(name) ? readJsonFile(files, name, configInvalid) : undefined);
  const config = architecture.parse({ ...(await huggingface.read(raw, file, beside)), huggingface: plain }, file);
  const content = await tensorsOf(files, registry, architecture, config);
  const compressed =
    quantization === undefined || quantization === null ? undefined : await readCompressed(content, quantization, content.file, file);
  const { weights, unused } = weightsOf(compressed ?? content, architecture, config, content.file);
  return { architecture, config, weights, origin: [originOf(raw, unused), ...(compressed?.notes ?? [])].join("; ") };
}

/** The tensors of safetensors files; of an ONNX model, under the names that the library has for them, where the folder holds no others. */
async function tensorsOf(
  files: FileSet,
  registry: ModelPlugins,
  architecture: Architecture,
  config: ModelConfig,
): Promise<Pick<NamedTensors, "tensors"> & { readonly file: string }> {
  const onnx = (await safetensorsFormat.detect(files)) ? undefined : await readOnnxContent(files, registry);
  if (onnx !== undefined) return { tensors: onnxTensors(onnx, architecture, config), file: onnx.file };
  return { ...(await safetensorsFormat.read(files)), file: `${files.location}/${SAFETENSORS_FILE}` };
}

function originOf({ model_type: type, architectures }: RawConfig, unused: readonly string[]): string {
  const name = Array.isArray(architectures) && typeof architectures[0] === "string" ? architectures[0] : undefined;
  const left = unused.length === 0 ? "" : `; left aside: ${unused.slice(0, 8).join(", ")}${unused.length > 8 ? ", …" : ""}`;
  return `a transformers folder (${String(type)}${name === undefined ? "" : `, ${name}`})${left}`;
}

function readerOf(
  raw: RawConfig,
  registry: ModelPlugins,
  file: string,
): { readonly architecture: Architecture; readonly huggingface: HuggingFace } {
  const id = String(raw["model_type"]);
  const readers = registry.list("architecture").map((plugin) => plugin.define as Architecture);
  const architecture = readers.find(({ huggingface }) => huggingface?.modelTypes.includes(id));
  if (architecture !== undefined) return { architecture, huggingface: architecture.huggingface! };
  const known = readers.flatMap(({ huggingface }) => huggingface?.modelTypes ?? []);
  throw pluginMissing({ file, field: "model_type", kind: "architecture", id, near: nearNames(id, known) });
}

/** The weights that a file's tensors hold, and the tensors that nothing reads. `file` is what errors name. */
export function weightsOf(
  { tensors, stored }: Pick<NamedTensors, "tensors"> & { readonly stored?: ReadonlyMap<string, StoredWeight> | undefined },
  architecture: Architecture,
  config: ModelConfig,
  file: string,
): { readonly weights: Map<string, StoredWeight>; readonly unused: readonly string[] } {
  const { names, base, unused = [] } = architecture.huggingface!;
  const expected = fileTensors(architecture, names, config);
  const prefix = base?.(config) ?? "";
  const taken = new Set<string>();
  const weights = new Map<string, StoredWeight>();
  const found = expected.map((tensor) => ({ tensor, name: namesOf(tensor, prefix).find((name) => tensors.has(name)) }));
  for (const { name } of found) if (name !== undefined) taken.add(name);
  const rest = [...tensors.keys()].filter((name) => !taken.has(name));
  for (const { tensor, name } of found) {
    if (name === undefined) throw missing(tensor, found.filter((one) => one.name === undefined).length, rest, file);
    const source = tensors.get(name)!;
    checkShape(name, source.shape, tensor.shape, file);
    const own = tensor.parts.length === 1 && tensor.transposed !== true ? stored?.get(name) : undefined;
    if (own !== undefined) weights.set(tensor.parts[0]!.weight, own);
    else for (const [weight, part] of partsOf(tensor, finiteSource(source, file, name))) weights.set(weight, denseWeight(part));
  }
  const extra = rest.find((name) => !unused.some((pattern) => pattern.test(name)));
  if (extra !== undefined) {
    const wanted = expected.flatMap((tensor) => namesOf(tensor, prefix).slice(0, 1));
    throw weightExtra({
      file,
      field: extra,
      expected: `${expected.length} tensors`,
      found: `${tensors.size}`,
      near: nearNames(extra, wanted),
    });
  }
  return { weights, unused: rest };
}

function missing({ tensor }: FileTensor, count: number, rest: readonly string[], file: string): Error {
  return weightMissing({
    file,
    field: tensor,
    expected: `a tensor of that name${count > 1 ? ` (and ${count - 1} more)` : ""}`,
    found: rest.length === 0 ? "no such tensor" : `no such tensor, but ${rest[0]}`,
    near: nearNames(tensor, rest),
  });
}

function partsOf({ matrix, transposed, parts }: FileTensor, source: TensorSource): (readonly [string, TensorSource])[] {
  const flat = reshaped(source, transposed === true ? matrix.toReversed() : matrix);
  const upright = transposed === true ? turned(flat) : flat;
  let begin = 0;
  return parts.map(({ weight, shape }) => {
    const end = begin + shape[0]!;
    const part = rowsOf(upright, begin, end);
    begin = end;
    return [weight, part] as const;
  });
}
