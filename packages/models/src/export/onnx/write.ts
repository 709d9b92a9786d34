/** One checkpoint as one ONNX file. */
import type { FileSet, Registry } from "@pare/core";
import { writeOnnx, type OnnxFlavour, type OnnxPack, type OnnxWritten } from "@pare/formats";
import type { Architecture } from "../../architecture.ts";
import type { Checkpoint, ModelConfig } from "../../checkpoint.ts";
import type { ExportChange } from "../exporter.ts";
import { checkWeights } from "../../folder/weights.ts";
import { decodeComputation, forwardComputation, type OnnxComputation } from "./graph.ts";
import { CONFIG_KEY } from "./names.ts";
import { encoderComputation, sourcedDecodeComputation } from "./two-parts.ts";

export interface OnnxModelOptions {
  readonly architecture: Architecture;
  readonly flavour: OnnxFlavour;
  /** Default false: the forward pass; true: a decoding call with its cache. */
  readonly cache?: boolean | undefined;
  /** Of an encoder–decoder one part alone; such a file does not hold the whole model. */
  readonly part?: "encoder" | "decoder" | undefined;
  readonly packs?: readonly OnnxPack[] | undefined;
  readonly externalFrom?: number | undefined;
}

/** Writes the checkpoint's computation; see `forwardComputation` and `decodeComputation` for what goes in and out. */
export async function writeOnnxModel(
  files: FileSet,
  file: string,
  checkpoint: Checkpoint,
  options: OnnxModelOptions,
): Promise<OnnxWritten> {
  const { config, weights } = checkpoint;
  const { architecture, flavour, packs, externalFrom, part } = options;
  checkWeights(architecture, config, weights, "checkpoint");
  const computation = computationOf(config, options);
  if (part !== undefined) return writeOnnx(files, file, { ...computation, weights, flavour, packs }, { externalFrom });
  const metadata = { [CONFIG_KEY]: JSON.stringify(config) };
  const read = new Set(
    computation.graph.nodes.flatMap((node) => (node.kind === "leaf" && node.leaf.kind === "weight" ? [node.leaf.name] : [])),
  );
  const aside = architecture.weights(config).flatMap(({ name }) => (read.has(name) ? [] : [name]));
  return writeOnnx(files, file, { ...computation, weights, flavour, aside, packs, metadata }, { externalFrom });
}

function computationOf(config: ModelConfig, { architecture, cache, part }: OnnxModelOptions): OnnxComputation {
  if (part === "encoder") return encoderComputation(architecture, config);
  if (part === "decoder") return sourcedDecodeComputation(architecture, config);
  return cache === true ? decodeComputation(architecture, config) : forwardComputation(architecture, config);
}

/** Lowerings that other packages brought. */
export function onnxPacks(registry: Pick<Registry, "list">): OnnxPack[] {
  return registry.list("pack").filter((pack): pack is OnnxPack => pack.backend === "onnx");
}

/** What became of each weight, for the person who asked. */
export function changesOf({ notes }: OnnxWritten, { weights }: Checkpoint): ExportChange[] {
  return notes.map(({ weight, to, exact, why }) => ({ weight, from: weights.get(weight)!.storage, to, exact, why }));
}
