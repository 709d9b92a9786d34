/** ONNX models as checkpoints, where the `onnx` format is registered. */
import type { FileSet } from "@pare/core";
import { parseJson, type OnnxContent, type OnnxWeight } from "@pare/formats";
import { affineStorage, denseWeight, sizeOf, type StoredWeight, type TensorSource } from "@pare/tensor-core";
import type { Architecture } from "../architecture.ts";
import type { ModelConfig } from "../checkpoint.ts";
import { configInvalid } from "../errors.ts";
import { CONFIG_KEY } from "../export/onnx/names.ts";
import { fileTensors, namesOf } from "../huggingface/names.ts";
import { turned } from "../huggingface/sources.ts";
import { finiteSource } from "./finite.ts";
import type { ModelPlugins } from "./load.ts";
import { checkWeights } from "./weights.ts";

/** What the folder's ONNX model holds; undefined where there is none, or nobody registered the format. */
export async function readOnnxContent(files: FileSet, registry: ModelPlugins): Promise<OnnxContent | undefined> {
  const format = registry.list("format").find(({ id }) => id === "onnx");
  if (format === undefined || !(await format.detect(files))) return undefined;
  return (await format.read(files)) as OnnxContent;
}

/** Whether the file says the model's config itself. */
export function saysConfig({ metadata }: OnnxContent): boolean {
  return metadata[CONFIG_KEY] !== undefined;
}

/** The model of a file that says its config itself, as those that Pare writes do. Throws `models/config-invalid`, and what `checkWeights` throws. */
export async function ownOnnx(
  content: OnnxContent,
  architectureOf: (id: string) => Architecture,
): Promise<{ readonly config: ModelConfig; readonly weights: ReadonlyMap<string, StoredWeight> }> {
  const { file, metadata } = content;
  const json = metadata[CONFIG_KEY];
  const fail = (expected: string, found: string): Error => configInvalid({ file, field: CONFIG_KEY, expected, found });
  if (json === undefined) throw fail("the config of a model that Pare wrote, or config.json beside the file", "nothing");
  const raw = parseJson(json, (found) => fail("JSON", found)) as { readonly architecture?: unknown } | null;
  if (typeof raw?.architecture !== "string") throw fail("the name of an architecture", JSON.stringify(raw).slice(0, 60));
  const architecture = architectureOf(raw.architecture);
  const config = architecture.parse(raw, file);
  const byName = indexed(content.weights);
  const weights = new Map<string, StoredWeight>();
  for (const { name, shape } of architecture.weights(config)) {
    const found = byName.get(name);
    if (found !== undefined) weights.set(name, checked(found, name, file, shape));
  }
  checkWeights(architecture, config, weights, file);
  return { config, weights };
}

/** Weights by what they may be called; a name of their own goes before one that is guessed. */
function indexed(weights: readonly OnnxWeight[]): ReadonlyMap<string, StoredWeight> {
  const byName = new Map<string, StoredWeight>();
  for (const { names, stored } of weights) if (!byName.has(names[0]!)) byName.set(names[0]!, stored);
  for (const { names, stored } of weights) for (const name of names) if (!byName.has(name)) byName.set(name, stored);
  return byName;
}

/** The weight with numbers that are checked when they are read. */
function checked(stored: StoredWeight, name: string, file: string, shape: readonly number[]): StoredWeight {
  const parts = Object.fromEntries(Object.entries(stored.parts).map(([part, source]) => [part, finiteSource(source, file, name)]));
  if (stored.storage === "affine" && shape.length === 2) return affineStorage.define.load(name, stored.descriptor, parts);
  return stored.storage === "dense" ? denseWeight(parts["values"]!) : stored;
}

/** Tensors under the names and in the layouts that a file of the transformers library has them. */
export function onnxTensors(content: OnnxContent, architecture: Architecture, config: ModelConfig): Map<string, TensorSource> {
  const { names, base } = architecture.huggingface!;
  const prefix = base?.(config) ?? "";
  const byName = indexed(content.weights);
  const tensors = new Map<string, TensorSource>();
  const expected = fileTensors(architecture, names, config).map((tensor) => ({ tensor, all: namesOf(tensor, prefix) }));
  const around = wrapperOf(new Set(expected.flatMap(({ all }) => all)), byName.keys());
  for (const { tensor, all } of expected) {
    const name = all.find((one) => byName.has(around + one));
    if (name === undefined) continue;
    const source = valuesOf(byName.get(around + name)!);
    tensors.set(name, tensor.transposed === true && source.shape.length === 2 ? turned(source) : source);
  }
  return tensors;
}

/** What a module around the model puts before all names ("model."), as exports of wrapped models have it; empty where most go without. */
function wrapperOf(expected: ReadonlySet<string>, found: Iterable<string>): string {
  const counts = new Map<string, number>([["", 0]]);
  for (const name of found) {
    for (let at = 0; at >= 0; at = name.indexOf(".", at) + 1 || -1) {
      const around = name.slice(0, at);
      if (expected.has(name.slice(at))) counts.set(around, (counts.get(around) ?? 0) + 1);
    }
  }
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}

function valuesOf({ storage, shape, parts, dense }: StoredWeight): TensorSource {
  return storage === "dense" ? parts["values"]! : { dtype: "f32", shape, bytes: 4 * sizeOf(shape), read: dense };
}
