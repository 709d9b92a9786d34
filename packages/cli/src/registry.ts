/** The plugins that come with Pare, and those of `pare.config.ts`. */
import { createRegistry, type AnyPlugin, type PluginKind, type Registry } from "@pare/core";
import { gpujsBackend } from "@pare/backend-gpujs";
import { wasmBackend } from "@pare/backend-wasm";
import { webgpuBackend } from "@pare/backend-webgpu";
import { distil, softTargetsObjective } from "@pare/distill";
import {
  answer,
  choose,
  classify,
  fillMask,
  perplexity,
  tag,
  scanData,
  scanIntersection,
  scanJump,
  scanLength,
  scanSimple,
  scanTurnLeft,
} from "@pare/eval-suites";
import { onnxFormat } from "@pare/formats";
import {
  builtIn,
  compressedTensorsExporter,
  ggufExporter,
  huggingFaceExporter,
  onnxExporter,
  pareExporter,
  transformersJsExporter,
} from "@pare/models";
import { hubSource } from "@pare/models/node";
import {
  allocate,
  embedding,
  gradual,
  headGates,
  headImportanceArtifact,
  heads,
  l0,
  layerDrop,
  layers,
  layerShortcuts,
  lotteryTicket,
  magnitude,
  measureHeads,
  movement,
  neurons,
  scan,
  sparsegpt,
  trial,
  vocabulary,
  wanda,
  width,
} from "@pare/prune";
import { gptq, roundToNearest } from "@pare/quantize";
import { blockStorage, csrStorage, nOfMStorage, sparseAffineStorage } from "@pare/sparse-kernels";
import { sparseGpujsPack } from "@pare/sparse-kernels/gpujs";
import { sparseWasmPack } from "@pare/sparse-kernels/wasm";
import { sparseWebgpuPack } from "@pare/sparse-kernels/webgpu";
import { referenceBackend } from "@pare/tensor-core";
import {
  attachHead,
  finetune,
  maskedTokenObjective,
  multipleChoiceObjective,
  nextTokenObjective,
  permutedTokenObjective,
  questionAnsweringObjective,
  rowsData,
  sentenceEmbeddingObjective,
  sequenceClassificationObjective,
  textData,
  tokenClassificationObjective,
} from "@pare/training";
import { loadConfig, type PareConfig } from "./config.ts";
import { localFiles } from "./local-files.ts";

/** @param folder where data sets that name a file look for it. */
export function pluginsOfPare(folder: string): readonly AnyPlugin[] {
  return [
    ...builtIn,
    magnitude,
    wanda,
    sparsegpt,
    gradual,
    trial,
    scan,
    allocate,
    heads,
    layers,
    neurons,
    width,
    vocabulary,
    embedding,
    measureHeads,
    headGates,
    layerDrop,
    movement,
    l0,
    lotteryTicket,
    layerShortcuts,
    roundToNearest,
    gptq,
    distil,
    attachHead,
    finetune,
    perplexity,
    classify,
    tag,
    answer,
    choose,
    fillMask,
    scanSimple,
    scanLength,
    scanJump,
    scanTurnLeft,
    scanIntersection,
    softTargetsObjective,
    nextTokenObjective,
    maskedTokenObjective,
    permutedTokenObjective,
    sequenceClassificationObjective,
    tokenClassificationObjective,
    questionAnsweringObjective,
    multipleChoiceObjective,
    sentenceEmbeddingObjective,
    wasmBackend,
    gpujsBackend,
    webgpuBackend,
    referenceBackend,
    sparseWasmPack,
    sparseGpujsPack,
    sparseWebgpuPack,
    csrStorage,
    blockStorage,
    nOfMStorage,
    sparseAffineStorage,
    onnxFormat,
    hubSource(),
    pareExporter,
    onnxExporter,
    huggingFaceExporter,
    ggufExporter,
    compressedTensorsExporter,
    transformersJsExporter,
    headImportanceArtifact,
    textData(localFiles(folder)),
    rowsData(localFiles(folder)),
    scanData,
  ];
}

/** What is registered for a command that runs in `folder`. */
export async function openRegistry(folder: string): Promise<{ readonly registry: Registry; readonly config: PareConfig }> {
  const config = await loadConfig(folder);
  return { registry: createRegistry(...pluginsOfPare(folder), ...(config.plugins ?? [])), config };
}

/** Kinds of plugin, in the order that `pare plugins` lists them. */
export const KINDS: readonly PluginKind[] = [
  "stage",
  "suite",
  "objective",
  "data",
  "architecture",
  "format",
  "source",
  "exporter",
  "storage",
  "artifact",
  "backend",
  "pack",
  "runner",
];

/** Packages that a registry's plugins come from. */
export function packagesOf(registry: Registry): string[] {
  return [...new Set(KINDS.flatMap((kind) => registry.list(kind).map((plugin) => plugin.package)))].sort();
}
