/** Models to write and read again elsewhere, and how their outputs are compared. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createRegistry, type Registry } from "../../packages/core/src/index.ts";
import { folderFiles } from "../../packages/core/src/node.ts";
import { wasmBackend } from "../../packages/backend-wasm/src/index.ts";
import {
  builtIn,
  createModel,
  encoderDecoder,
  encoderDecoderConfig,
  llama,
  llamaConfig,
  loadCheckpoint,
  onnxExporter,
  transformersJsExporter,
  withWeights,
  type Checkpoint,
} from "../../packages/models/src/index.ts";
import { quantize, type RoundOptions } from "../../packages/quantize/src/index.ts";
import type { HostTensor } from "../../packages/tensor-core/src/index.ts";

export const registry: Registry = createRegistry(...builtIn, onnxExporter, transformersJsExporter, wasmBackend);

const DATA = fileURLToPath(new URL("../../../shared/data/", import.meta.url));

/** The folder of this name under `../shared/data`; undefined, and said aloud, where it is not there. */
export function sharedData(name: string): string | undefined {
  const path = `${DATA}${name}`;
  if (existsSync(path)) return path;
  console.warn(`skipped: ../shared/data/${name} is not beside the checkout`);
  return undefined;
}

export async function stories260K(folder: string): Promise<Checkpoint> {
  return loadCheckpoint(folderFiles(folder), registry);
}

/** A decoder with grouped heads, rotary pairs half a head apart and logits of its own. */
export function randomLlama(): Checkpoint {
  const shape = {
    vocabularySize: 96,
    contextLength: 64,
    hiddenSize: 64,
    layers: 2,
    heads: 4,
    keyValueHeads: 2,
    feedForward: 96,
    tied: false,
  };
  return createModel(llama.define, llamaConfig(shape), { seed: 7 });
}

export function randomEncoderDecoder(): Checkpoint {
  const shape = { vocabularySize: 96, contextLength: 64, hiddenSize: 64, encoderLayers: 2, decoderLayers: 2, heads: 4, feedForward: 96 };
  return createModel(encoderDecoder.define, encoderDecoderConfig(shape), { seed: 8 });
}

/** The model with every matrix rounded to nearest, tables that also give the logits among them. */
export async function rounded(model: Checkpoint, options: RoundOptions): Promise<Checkpoint> {
  const { define } = registry.find("architecture", model.config.architecture);
  const linear = (define as typeof llama.define).weights(model.config).filter(({ role }) => role === "linear" || role === "rows");
  const changes = [];
  for (const { name } of linear) changes.push([name, await quantize(name, model.weights.get(name)!, options)] as const);
  return withWeights(model, changes, { use: "quantize/round-to-nearest", version: 1, options, seed: 0 });
}

export function int64(rows: readonly (readonly number[])[]): HostTensor {
  return { dtype: "i64", shape: [rows.length, rows[0]!.length], data: BigInt64Array.from(rows.flat(), BigInt) };
}

export function filled(rows: readonly (readonly number[])[], width: number, value = 0): number[][] {
  return rows.map((row) => [...row, ...Array<number>(width - row.length).fill(value)]);
}

export interface Comparison {
  /** Largest |a − b|. */
  readonly worst: number;
  /** Share of positions whose largest logit is the same. */
  readonly agreement: number;
  readonly positions: number;
}

/** Logits `[rows, width, vocabulary]` of the real positions, side by side. */
export function compare(a: ArrayLike<number>, b: ArrayLike<number>, lengths: readonly number[], vocabulary: number): Comparison {
  const width = a.length / vocabulary / lengths.length;
  let [worst, same, positions] = [0, 0, 0];
  for (const [row, length] of lengths.entries()) {
    for (let position = 0; position < length; position++) {
      const at = (row * width + position) * vocabulary;
      let [bestA, bestB] = [0, 0];
      for (let i = 0; i < vocabulary; i++) {
        const difference = Math.abs(a[at + i]! - b[at + i]!);
        if (!(difference <= worst)) worst = difference;
        if (a[at + i]! > a[at + bestA]!) bestA = i;
        if (b[at + i]! > b[at + bestB]!) bestB = i;
      }
      positions += 1;
      if (bestA === bestB) same += 1;
    }
  }
  return { worst, agreement: same / positions, positions };
}
