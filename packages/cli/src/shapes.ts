/** Models that `create` knows by name. */
import { nearNames } from "@pare/core";
import {
  bertConfig,
  encoderDecoderConfig,
  gpt2Config,
  llamaConfig,
  t5Config,
  xlnetConfig,
  type BertShape,
  type EncoderDecoderShape,
  type Gpt2Shape,
  type LlamaShape,
  type ModelConfig,
  type T5Shape,
  type XlnetShape,
} from "@pare/models";
import { flagInvalid, shapeUnknown } from "./errors.ts";

/** What a flag may change of a shape. */
export interface ShapeChanges {
  readonly vocabularySize?: number | undefined;
  readonly contextLength?: number | undefined;
  readonly hiddenSize?: number | undefined;
  /** Of an encoder–decoder, layers of each of the two. */
  readonly layers?: number | undefined;
  readonly heads?: number | undefined;
  /** Decoders alone. */
  readonly keyValueHeads?: number | undefined;
  readonly feedForward?: number | undefined;
  readonly tied?: boolean | undefined;
}

type Given = { readonly [Name in keyof ShapeChanges]: NonNullable<ShapeChanges[Name]> };

/** A config from what flags say. */
type Shape = (given: Given) => ModelConfig;

function decoder(named: LlamaShape, epsilon?: number): Shape {
  return (given) => {
    // Fewer or more heads than the shape has leave no meaning in its own number of key/value heads.
    const { keyValueHeads, ...shape } = named;
    const config = llamaConfig({ ...shape, keyValueHeads: given.heads === undefined ? keyValueHeads : undefined, ...given });
    return epsilon === undefined ? config : { ...config, epsilon };
  };
}

function gpt2(named: Gpt2Shape): Shape {
  return ({ keyValueHeads, ...given }) => {
    refuse("--kv-heads", keyValueHeads, "none: each head of GPT-2 has its own keys and values");
    return gpt2Config({ ...named, ...given });
  };
}

/** Without a head: `pare train --head` puts one on. */
function encoder(named: BertShape): Shape {
  return ({ keyValueHeads, tied, ...given }) => {
    refuse("--kv-heads", keyValueHeads, "none: each head of BERT has its own keys and values");
    if (tied === false) throw flagInvalid({ flag: "--untied", expected: "none: this encoder gives no logits", found: "--untied" });
    return bertConfig({ ...named, ...given });
  };
}

function t5(named: T5Shape): Shape {
  return ({ keyValueHeads, ...given }) => {
    refuse("--kv-heads", keyValueHeads, "none: each head of T5 has its own keys and values");
    const { headDim, ...shape } = named;
    const resized = given.heads !== undefined || given.hiddenSize !== undefined;
    return t5Config({ ...shape, headDim: resized ? undefined : headDim, ...given });
  };
}

function encoderDecoder(named: EncoderDecoderShape): Shape {
  return ({ layers, ...given }) => {
    const both = layers === undefined ? {} : { encoderLayers: layers, decoderLayers: layers };
    return encoderDecoderConfig({ ...named, ...given, ...both });
  };
}

function xlnet(named: XlnetShape): Shape {
  return ({ contextLength, keyValueHeads, tied = true, ...given }) => {
    refuse("--context", contextLength, "none: XLNet reads texts of any length");
    refuse("--kv-heads", keyValueHeads, "none: each head of XLNet has its own keys and values");
    return xlnetConfig({ ...named, ...given, head: { task: "permuted-token", tied } });
  };
}

/** Sizes as the published models of these names have them. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  tiny: decoder({ vocabularySize: 256, contextLength: 128, hiddenSize: 32, layers: 2, heads: 4, keyValueHeads: 2, feedForward: 64 }),
  stories260K: decoder({
    vocabularySize: 512,
    contextLength: 512,
    hiddenSize: 64,
    layers: 5,
    heads: 8,
    keyValueHeads: 4,
    feedForward: 172,
  }),
  stories15M: decoder({ vocabularySize: 32_000, contextLength: 256, hiddenSize: 288, layers: 6, heads: 6, feedForward: 768 }),
  "llama-12x768": decoder({ vocabularySize: 32_000, contextLength: 1024, hiddenSize: 768, layers: 12, heads: 12, feedForward: 3072 }),
  "qwen2-0.5b": decoder(
    {
      vocabularySize: 151_936,
      contextLength: 32_768,
      hiddenSize: 896,
      layers: 24,
      heads: 14,
      keyValueHeads: 2,
      feedForward: 4864,
      biases: ["query", "key", "value"],
      ropeBase: 1_000_000,
    },
    1e-6,
  ),
  gpt2: gpt2({ vocabularySize: 50_257, contextLength: 1024, hiddenSize: 768, layers: 12, heads: 12, feedForward: 3072 }),
  "bert-tiny": encoder({ vocabularySize: 256, contextLength: 64, hiddenSize: 32, layers: 2, heads: 4, feedForward: 64 }),
  "bert-base": encoder({ vocabularySize: 30_522, contextLength: 512, hiddenSize: 768, layers: 12, heads: 12, feedForward: 3072 }),
  minilm: encoder({ vocabularySize: 30_522, contextLength: 512, hiddenSize: 384, layers: 6, heads: 12, feedForward: 1536 }),
  "encoder-decoder-tiny": encoderDecoder({
    vocabularySize: 256,
    contextLength: 64,
    hiddenSize: 32,
    encoderLayers: 2,
    decoderLayers: 2,
    heads: 4,
    feedForward: 64,
  }),
  "t5-small": t5({ vocabularySize: 32_128, contextLength: 512, hiddenSize: 512, layers: 6, heads: 8, headDim: 64, feedForward: 2048 }),
  "xlnet-tiny": xlnet({ vocabularySize: 256, hiddenSize: 32, layers: 2, heads: 4, feedForward: 64, memoryLength: 64 }),
  "xlnet-base": xlnet({ vocabularySize: 32_000, hiddenSize: 768, layers: 12, heads: 12, feedForward: 3072 }),
};

/** The config of a named shape with some of its sizes changed. Throws `cli/shape-unknown`, `cli/flag-invalid`, `models/config-invalid`. */
export function shapedConfig(name: string, changes: ShapeChanges): ModelConfig {
  const known = Object.keys(SHAPES);
  const named = Object.hasOwn(SHAPES, name) ? SHAPES[name]! : undefined;
  if (named === undefined) throw shapeUnknown({ name, known, near: nearNames(name, known) });
  return named(Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)) as Given);
}

function refuse(flag: string, found: number | undefined, expected: string): void {
  if (found !== undefined) throw flagInvalid({ flag, expected, found: `${found}` });
}
