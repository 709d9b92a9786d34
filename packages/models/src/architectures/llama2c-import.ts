import type { Llama2cModel } from "@pare/formats";
import type { TensorSource } from "@pare/tensor-core";
import type { Imported } from "../imported.ts";
import { llama2cTokenizer } from "./llama2c-tokenizer.ts";
import { evenHeads } from "./config.ts";

const LAYER_NAMES: Readonly<Record<string, string>> = {
  rms_att: "attention.norm",
  wq: "attention.query",
  wk: "attention.key",
  wv: "attention.value",
  wo: "attention.output",
  rms_ffn: "feedForward.norm",
  w1: "feedForward.gate",
  w2: "feedForward.down",
  w3: "feedForward.up",
};
const NAMES: Readonly<Record<string, string>> = { token_embedding: "embedding", rms_final: "norm", wcls: "output" };

/** A llama2.c checkpoint as a `llama`: matrices as they are stored, rotary pairs adjacent, ε 1e-5 and base 10000 as its code has them. */
export function importLlama2c(content: unknown): Imported {
  const { config, tensors, tokenizer, file } = content as Llama2cModel;
  const layer = { keyValueHeads: evenHeads(config.heads, config.keyValueHeads), feedForward: config.hiddenDim };
  return {
    config: {
      architecture: "llama",
      vocabularySize: config.vocabularySize,
      contextLength: config.sequenceLength,
      hiddenSize: config.dim,
      headDim: config.dim / config.heads,
      epsilon: 1e-5,
      ropeBase: 10_000,
      ropePairing: "adjacent",
      tied: config.sharedClassifier,
      layers: Array.from({ length: config.layers }, () => layer),
    },
    tensors: new Map([...tensors].map(([name, source]): [string, TensorSource] => [ownName(name), source])),
    tokenizer: tokenizer && llama2cTokenizer(tokenizer.pieces, tokenizer.file),
    file,
    origin: "a llama2.c checkpoint (version 0)",
  };
}

function ownName(name: string): string {
  const [, index, tensor] = /^layers\.(\d+)\.(.+)$/.exec(name) ?? [];
  return tensor === undefined ? NAMES[name]! : `layers.${index}.${LAYER_NAMES[tensor]!}`;
}
