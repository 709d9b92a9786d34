/** Small models that the tests share. */
import { createRegistry, memoryFiles, type MutableFileSet, type Registry } from "@pare/core";
import { denseOf, f32, uniform } from "@pare/tensor-core";
import {
  bert,
  bertConfig,
  builtIn,
  createModel,
  encoderDecoder,
  encoderDecoderConfig,
  llama,
  llamaConfig,
  withWeights,
  wordTokenizer,
  type BertConfig,
  type Checkpoint,
} from "../src/index.ts";

export const registry: Registry = createRegistry(...builtIn);

const WORDS: readonly string[] = ["walk", "run", "jump", "twice", "and", "WALK", "RUN", "JUMP"];

export function smallLlama(options: { readonly tied?: boolean; readonly seed?: number } = {}): Checkpoint {
  const tokenizer = wordTokenizer(WORDS);
  const config = llamaConfig({
    vocabularySize: tokenizer.vocabularySize,
    contextLength: 96,
    hiddenSize: 16,
    layers: 2,
    heads: 4,
    keyValueHeads: 2,
    feedForward: 24,
    tied: options.tied,
  });
  return createModel(llama.define, config, { seed: options.seed ?? 1, tokenizer });
}

export function smallEncoderDecoder(): Checkpoint {
  const tokenizer = wordTokenizer(WORDS);
  const config = encoderDecoderConfig({
    vocabularySize: tokenizer.vocabularySize,
    contextLength: 96,
    hiddenSize: 16,
    encoderLayers: 2,
    decoderLayers: 2,
    heads: 2,
    feedForward: 24,
  });
  return createModel(encoderDecoder.define, config, { seed: 2, tokenizer });
}

export function smallBert(head: BertConfig["head"] = { task: "features" }): Checkpoint {
  const tokenizer = wordTokenizer(WORDS);
  const config = bertConfig({
    vocabularySize: tokenizer.vocabularySize,
    contextLength: 20,
    hiddenSize: 16,
    layers: 2,
    heads: 2,
    feedForward: 24,
    head,
  });
  const fresh = createModel(bert.define, config, { seed: 3, tokenizer });
  // Fresh biases are 0, which would hide what they do.
  const biases = bert.define.weights(config).filter(({ role }) => role === "bias");
  return withWeights(
    fresh,
    biases.map(({ name, shape }) => [name, denseOf(f32(shape, uniform(4, name.length, shape[0]!)))] as const),
  );
}

/** The checkpoint's folder, in memory. */
export async function saved(checkpoint: Checkpoint): Promise<MutableFileSet> {
  const files = memoryFiles({}, "folder");
  await checkpoint.save(files);
  return files;
}
