/** Small models that the tests share. */
import { createRegistry, memoryFiles, type MutableFileSet, type Registry } from "@pare/core";
import { denseOf, f32, normal, sizeOf } from "@pare/tensor-core";
import {
  bert,
  bertConfig,
  builtIn,
  createModel,
  encoderDecoder,
  encoderDecoderConfig,
  gpt2,
  gpt2Config,
  llama,
  llamaConfig,
  t5,
  t5Config,
  withWeights,
  wordTokenizer,
  xlnet,
  xlnetConfig,
  type BertConfig,
  type Checkpoint,
  type XlnetConfig,
} from "../src/index.ts";

export const registry: Registry = createRegistry(...builtIn);

const WORDS: readonly string[] = ["walk", "run", "jump", "twice", "and", "WALK", "RUN", "JUMP"];

const tokenizer = wordTokenizer(WORDS);
const shape = { vocabularySize: tokenizer.vocabularySize, contextLength: 96, hiddenSize: 16, layers: 2, feedForward: 24 };

export function smallLlama(options: { readonly tied?: boolean; readonly seed?: number } = {}): Checkpoint {
  const config = llamaConfig({ ...shape, heads: 4, keyValueHeads: 2, tied: options.tied });
  return createModel(llama.define, config, { seed: options.seed ?? 1, tokenizer });
}

/** With Qwen's biases and norms of heads, whose width is not hidden size ÷ heads. */
export function smallQwen(): Checkpoint {
  const config = llamaConfig({
    ...shape,
    heads: 4,
    keyValueHeads: 2,
    headDim: 6,
    biases: ["query", "key", "value", "output", "gate", "up", "down"],
    headNorms: true,
  });
  return noisyBiases(createModel(llama.define, config, { seed: 3, tokenizer }));
}

export function smallGpt2(): Checkpoint {
  return noisyBiases(createModel(gpt2.define, gpt2Config({ ...shape, contextLength: 20, heads: 4 }), { seed: 4, tokenizer }));
}

export function smallT5(version: "1.0" | "1.1"): Checkpoint {
  return createModel(t5.define, t5Config({ ...shape, heads: 3, headDim: 6, version, tied: true }), { seed: 6, tokenizer });
}

/** Fresh biases are zero, which would hide a wrong one. */
export function noisyBiases(checkpoint: Checkpoint): Checkpoint {
  const biases = [...checkpoint.weights].filter(([name]) => name.endsWith(".bias"));
  return withWeights(
    checkpoint,
    biases.map(([name, { shape }], stream) => [name, denseOf(f32(shape, normal(5, stream, sizeOf(shape))))] as const),
  );
}

export function smallEncoderDecoder(): Checkpoint {
  const config = encoderDecoderConfig({ ...shape, encoderLayers: 2, decoderLayers: 2, heads: 2 });
  return createModel(encoderDecoder.define, config, { seed: 2, tokenizer });
}

export function smallBert(head: BertConfig["head"] = { task: "features" }): Checkpoint {
  const config = bertConfig({ ...shape, contextLength: 20, heads: 2, head });
  return noisyBiases(createModel(bert.define, config, { seed: 3, tokenizer }));
}

export function smallXlnet(head?: XlnetConfig["head"]): Checkpoint {
  const config = xlnetConfig({ ...shape, heads: 2, memoryLength: 6, head });
  return noisyBiases(createModel(xlnet.define, config, { seed: 7, tokenizer }));
}

/** The checkpoint's folder, in memory. */
export async function saved(checkpoint: Checkpoint): Promise<MutableFileSet> {
  const files = memoryFiles({}, "folder");
  await checkpoint.save(files);
  return files;
}
