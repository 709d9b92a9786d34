import { rows, type Value } from "@pare/tensor-core";
import { z } from "zod";
import type { Architecture, DecodeInputs, ModelScope } from "../architecture.ts";
import type { ModelConfig } from "../checkpoint.ts";
import { defineArchitecture, type ArchitecturePlugin } from "../define-architecture.ts";
import {
  attentionWeights,
  cacheNames,
  feedForward,
  feedForwardWeights,
  headGroup,
  logits,
  neuronGroup,
  normWeight,
  selfAttention,
  vocabularyWeights,
  writeCaches,
  type KeyValue,
  type Visibility,
} from "./blocks.ts";
import { common, countHeads, evenHeads, feedForward as neurons, keepHeads, keyValueHeads, parseConfig } from "./config.ts";
import { importLlama2c } from "./llama2c-import.ts";

export interface LlamaLayer {
  /** Key/value head that each query head reads. Empty: no attention in this layer. */
  readonly keyValueHeads: readonly number[];
  /** Feed-forward neurons. 0: no feed-forward part. */
  readonly feedForward: number;
}

/** Decoder of the LLaMA kind (Touvron et al. 2023): RMS norm, rotary positions, grouped-query attention, SwiGLU. */
export interface LlamaConfig extends ModelConfig {
  readonly architecture: "llama";
  readonly contextLength: number;
  readonly hiddenSize: number;
  readonly headDim: number;
  readonly epsilon: number;
  readonly ropeBase: number;
  /** Which two numbers of a head turn together: neighbours (llama2.c), or those half a head apart (Hugging Face). */
  readonly ropePairing: "adjacent" | "half";
  /** True: the logits come from the embedding; false: from a matrix of their own. */
  readonly tied: boolean;
  readonly layers: readonly LlamaLayer[];
}

const schema: z.ZodType<LlamaConfig> = z.strictObject({
  architecture: z.literal("llama"),
  ...common,
  layers: z.array(z.strictObject({ keyValueHeads, feedForward: neurons })),
});

export interface LlamaShape {
  readonly vocabularySize: number;
  readonly contextLength: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Default: as many as heads. */
  readonly keyValueHeads?: number | undefined;
  readonly feedForward: number;
  readonly tied?: boolean | undefined;
}

/** A config whose layers are all alike. Throws `models/config-invalid`. */
export function llamaConfig({
  layers,
  heads,
  keyValueHeads: keyValue = heads,
  feedForward: width,
  tied = true,
  ...sizes
}: LlamaShape): LlamaConfig {
  const layer = { keyValueHeads: evenHeads(heads, keyValue), feedForward: width };
  const config = {
    architecture: "llama",
    ...sizes,
    headDim: sizes.hiddenSize / heads,
    epsilon: 1e-5,
    ropeBase: 10_000,
    ropePairing: "half",
    tied,
    layers: Array.from({ length: layers }, () => layer),
  };
  return parseConfig(schema, config, "config");
}

interface Run extends Visibility {
  readonly tokens: Value;
  readonly positions: Value;
  readonly extend?: ((prefix: string, heads: number, fresh: KeyValue) => KeyValue) | undefined;
}

function run(scope: ModelScope, config: LlamaConfig, { tokens, positions, extend, ...visibility }: Run): Value {
  const at = { scope, config };
  let x = scope.tracer.site("embedding", rows(scope.weight("embedding"), tokens));
  for (const [index, layer] of config.layers.entries()) {
    const prefix = `layers.${index}.attention`;
    x = selfAttention(at, x, {
      ...visibility,
      prefix,
      positions,
      keyValueHeads: layer.keyValueHeads,
      extend: extend && ((fresh) => extend(prefix, countHeads(layer.keyValueHeads), fresh)),
    });
    x = scope.tracer.site(`layers.${index}`, feedForward(at, x, `layers.${index}.feedForward`, layer.feedForward));
  }
  return logits(at, x, { norm: "norm", tied: config.tied });
}

function decode(scope: ModelScope, config: LlamaConfig, { tokens, positions, starts, lengths, batch, capacity }: DecodeInputs): Value {
  return run(scope, config, {
    tokens,
    positions,
    lengths,
    starts,
    causal: true,
    extend: (prefix, heads, fresh) => writeCaches({ scope, config }, prefix, fresh, { starts, batch, capacity, heads }),
  });
}

const architecture: Architecture<LlamaConfig> = {
  family: "decoder",
  parse: (raw, file) => parseConfig(schema, raw, file),
  weights: (config) => [
    ...vocabularyWeights(config),
    ...config.layers.flatMap((layer, index) => [
      ...attentionWeights(config, `layers.${index}.attention`, layer.keyValueHeads, 2 * config.layers.length),
      ...feedForwardWeights(config, `layers.${index}.feedForward`, layer.feedForward, 2 * config.layers.length),
    ]),
    normWeight("norm", config.hiddenSize),
  ],
  forward: (scope, config, { tokens, positions, lengths }) => run(scope, config, { tokens, positions, lengths, causal: true }),
  decode,
  caches: (config) =>
    config.layers.flatMap((layer, index) => {
      const heads = countHeads(layer.keyValueHeads);
      const { key, value } = cacheNames(`layers.${index}.attention`);
      return heads === 0 ? [] : [key, value].map((name) => ({ name, heads, headDim: config.headDim, cross: false }));
    }),
  heads: (config) => config.layers.flatMap((layer, index) => headGroup(config, `layers.${index}.attention`, layer.keyValueHeads)),
  withHeads: (config, kept) => ({
    ...config,
    layers: config.layers.map((layer, index) => ({
      ...layer,
      keyValueHeads: keepHeads(layer.keyValueHeads, kept[`layers.${index}.attention.heads`]),
    })),
  }),
  neurons: (config) => config.layers.flatMap((layer, index) => neuronGroup(`layers.${index}.feedForward`, layer.feedForward)),
  withNeurons: (config, counts) => ({
    ...config,
    layers: config.layers.map((layer, index) => ({
      ...layer,
      feedForward: counts[`layers.${index}.feedForward.neurons`] ?? layer.feedForward,
    })),
  }),
  layers: (config) => [{ stack: "layers", prefixes: config.layers.map((_, index) => `layers.${index}.`), input: "embedding" }],
  withLayers: (config, { layers: kept }) =>
    kept === undefined ? config : { ...config, layers: kept.map((index) => config.layers[index]!) },
  imports: { llama2c: importLlama2c },
};

/** Decoder of the LLaMA kind. Reads llama2.c checkpoints too. */
export const llama: ArchitecturePlugin<"llama"> = defineArchitecture("llama", "@pare/models", architecture);
