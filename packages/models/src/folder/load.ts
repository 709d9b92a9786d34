import { isPlainObject, nearNames, type FileSet, type Registry } from "@pare/core";
import { SAFETENSORS_FILE, safetensorsFormat } from "@pare/formats";
import { denseWeight } from "@pare/tensor-core";
import type { Architecture } from "../architecture.ts";
import type { Checkpoint, Provenance } from "../checkpoint.ts";
import { createCheckpoint, type CheckpointContent } from "../create-checkpoint.ts";
import { configInvalid, folderUnknown, pluginMissing, provenanceInvalid, tokenizerInvalid } from "../errors.ts";
import { readHuggingFace } from "../huggingface/read.ts";
import { tokenizerFromJson } from "../tokenizer-json.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { finiteSource } from "./finite.ts";
import { readJsonFile } from "./json-file.ts";
import { ownOnnx, readOnnxContent, saysConfig } from "./onnx.ts";
import { CONFIG_FILE, PIECES_KEY, PROVENANCE_FILE, TOKENIZER_CONFIG_FILE, TOKENIZER_FILE } from "./names.ts";
import { provenanceFromJson } from "./provenance-json.ts";
import { checkWeights, weightsFromTensors } from "./weights.ts";

/** What loading asks of a registry: architectures, storages and formats. */
export type ModelPlugins = Pick<Registry, "find" | "list">;

/**
 * Opens a model's folder: one that `saveCheckpoint` wrote, one of the transformers library whose `model_type` a registered architecture
 * reads, or one that a registered format detects and a registered architecture takes over. Reads headers and JSON files alone; config, weights and tokenizer must fit each other.
 *
 * Throws `models/…` and `formats/…` errors naming file and field.
 */
export async function loadCheckpoint(files: FileSet, registry: ModelPlugins): Promise<Checkpoint> {
  const names = await files.list();
  const onnx = (await safetensorsFormat.detect(files)) ? undefined : await readOnnxContent(files, registry);
  if (onnx !== undefined && (saysConfig(onnx) || !names.includes(CONFIG_FILE))) {
    const { config, weights } = await ownOnnx(onnx, (id) => findArchitecture(registry, id, onnx.file));
    return complete(files, names, { config, weights }, { seen: undefined, deeds: [], origin: `an ONNX model (${onnx.producer})` });
  }
  if (!names.includes(CONFIG_FILE)) return importCheckpoint(files, registry, names);
  const file = `${files.location}/${CONFIG_FILE}`;
  const raw = await readJsonFile(files, CONFIG_FILE, configInvalid);
  if (isPlainObject(raw) && raw["architecture"] === undefined && typeof raw["model_type"] === "string") {
    const { config, weights, origin } = await readHuggingFace(files, raw, registry);
    const unknown = { seen: undefined, deeds: [], origin };
    return complete(files, names, { config, weights }, unknown);
  }
  const id = isPlainObject(raw) ? raw["architecture"] : undefined;
  if (typeof id !== "string")
    throw configInvalid({ file, field: "architecture", expected: "the name of an architecture", found: JSON.stringify(id) ?? "nothing" });
  const architecture = findArchitecture(registry, id, file);
  const config = architecture.parse(raw, file);
  const content = await safetensorsFormat.read(files);
  const where = `${files.location}/${SAFETENSORS_FILE}`;
  const weights = weightsFromTensors(content, registry, where);
  checkWeights(architecture, config, weights, where);
  const model = await complete(files, names, { config, weights }, { seen: undefined, deeds: [] });
  checkPieces(model, content.metadata[PIECES_KEY], `${files.location}/${TOKENIZER_FILE}`);
  return model;
}

/** With what stands beside config and weights: the tokenizer, and provenance where the folder has any. */
async function complete(
  files: FileSet,
  names: readonly string[],
  { config, weights }: Pick<CheckpointContent, "config" | "weights">,
  otherwise: Provenance,
): Promise<Checkpoint> {
  const tokenizer = names.includes(TOKENIZER_FILE) ? await readTokenizer(files, names) : undefined;
  checkVocabulary(tokenizer, config.vocabularySize, `${files.location}/${TOKENIZER_FILE}`);
  const provenance = names.includes(PROVENANCE_FILE)
    ? provenanceFromJson(await readJsonFile(files, PROVENANCE_FILE, provenanceInvalid), `${files.location}/${PROVENANCE_FILE}`)
    : otherwise;
  return createCheckpoint({ config, weights, tokenizer, provenance });
}

function findArchitecture(registry: ModelPlugins, id: string, file: string): Architecture {
  const plugins = registry.list("architecture");
  const plugin = plugins.find((one) => one.id === id);
  if (plugin !== undefined) return plugin.define as Architecture;
  throw pluginMissing({
    file,
    field: "architecture",
    kind: "architecture",
    id,
    near: nearNames(
      id,
      plugins.map((one) => one.id),
    ),
  });
}

async function readTokenizer(files: FileSet, names: readonly string[]): Promise<Tokenizer> {
  const json = await readJsonFile(files, TOKENIZER_FILE, tokenizerInvalid);
  const config = names.includes(TOKENIZER_CONFIG_FILE) ? await readJsonFile(files, TOKENIZER_CONFIG_FILE, tokenizerInvalid) : {};
  return tokenizerFromJson(json, config, `${files.location}/${TOKENIZER_FILE}`);
}

/** A folder that we wrote says how many pieces its tokenizer has where the model has more rows. */
function checkPieces({ config, tokenizer }: Checkpoint, told: string | undefined, file: string): void {
  const pieces = told ?? String(config.vocabularySize);
  if (tokenizer === undefined || String(tokenizer.vocabularySize) === pieces) return;
  const expected = `${pieces} pieces, as ${told === undefined ? "the model has" : `${SAFETENSORS_FILE} says`}`;
  throw tokenizerInvalid({ file, field: "vocabulary", expected, found: `${tokenizer.vocabularySize}` });
}

/** A model may have rows to spare: vocabularies are padded to round numbers. */
function checkVocabulary(tokenizer: Tokenizer | undefined, vocabularySize: number, file: string): void {
  if (tokenizer === undefined || tokenizer.vocabularySize <= vocabularySize) return;
  throw tokenizerInvalid({
    file,
    field: "vocabulary",
    expected: `at most ${vocabularySize} pieces, as the model has`,
    found: `${tokenizer.vocabularySize}`,
  });
}

async function importCheckpoint(files: FileSet, registry: ModelPlugins, names: readonly string[]): Promise<Checkpoint> {
  for (const format of registry.list("format")) {
    const takers = registry
      .list("architecture")
      .map((one) => one.define as Architecture)
      .filter(({ imports }) => imports?.[format.id] !== undefined);
    if (takers.length === 0 || !(await format.detect(files))) continue;
    const content: unknown = await format.read(files);
    for (const architecture of takers) {
      const imported = architecture.imports![format.id]!(content);
      if (imported === undefined) continue;
      const { tokenizer, origin, file, provenance = { seen: undefined, deeds: [], origin } } = imported;
      const config = architecture.parse(imported.config, file);
      const dense = [...imported.tensors].map(([name, source]) => [name, denseWeight(finiteSource(source, file, name))] as const);
      const weights = new Map([...dense, ...(imported.weights ?? [])]);
      checkWeights(architecture, config, weights, file);
      checkVocabulary(tokenizer, config.vocabularySize, file);
      return createCheckpoint({ config, weights, tokenizer, provenance });
    }
  }
  throw folderUnknown({ file: files.location, found: names.length === 0 ? "no files" : names.slice(0, 6).join(", ") });
}

/** Reads every weight once: one part is read while the one before it is checked, and two are in memory. Throws what reading it throws, `models/weight-not-finite` among them. */
export async function verifyCheckpoint({ weights }: Checkpoint): Promise<void> {
  const sources = [...weights.values()].flatMap(({ parts }) => Object.values(parts));
  let next = sources[0]?.read();
  for (let index = 1; next !== undefined; index++) {
    const current = next;
    next = sources[index]?.read();
    // Where this one throws, nobody waits for the next.
    next?.catch(() => {});
    await current;
  }
}
