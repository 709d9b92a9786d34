import { rows, type Value } from "@pare/tensor-core";
import { z } from "zod";
import type { Architecture, DecodeInputs, ModelScope } from "../architecture.ts";
import { defineArchitecture, type ArchitecturePlugin } from "../define-architecture.ts";
import {
  attentionWeights,
  cacheSpecs,
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
import {
  configFields,
  countHeads,
  evenHeads,
  freshFields,
  keepHeads,
  layerFields,
  parseConfig,
  type TransformerConfig,
  type TransformerLayer,
  type TransformerShape,
} from "./config.ts";
import { llamaFromGguf, llamaToGguf } from "./llama-gguf.ts";
import { llamaHuggingFace } from "./llama-huggingface.ts";
import { importLlama2c } from "./llama2c-import.ts";

/** Decoder of the LLaMA kind (Touvron et al. 2023): RMS norm, rotary positions, grouped-query attention, SwiGLU. */
export interface LlamaConfig extends TransformerConfig {
  readonly architecture: "llama";
  readonly layers: readonly TransformerLayer[];
}

const schema: z.ZodType<LlamaConfig> = z.strictObject({
  architecture: z.literal("llama"),
  ...configFields,
  layers: z.array(z.strictObject(layerFields)),
});

export interface LlamaShape extends TransformerShape {
  readonly layers: number;
  /** Default: as many as heads. */
  readonly keyValueHeads?: number | undefined;
}

/** A config whose layers are all alike. Throws `models/config-invalid`. */
export function llamaConfig(shape: LlamaShape): LlamaConfig {
  const { heads, keyValueHeads = heads, feedForward: neurons } = shape;
  const layer: TransformerLayer = { keyValueHeads: evenHeads(heads, keyValueHeads), feedForward: neurons };
  const layers = Array.from({ length: shape.layers }, () => layer);
  return parseConfig(schema, { architecture: "llama", ...freshFields(shape, 10_000), layers }, "config");
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
  return logits(at, x, "norm");
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
  caches: (config) => config.layers.flatMap((layer, index) => cacheSpecs(config, `layers.${index}.attention`, layer.keyValueHeads, false)),
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
  imports: { llama2c: importLlama2c, gguf: llamaFromGguf },
  exports: { gguf: (config) => llamaToGguf(config, architecture.weights(config)) },
  huggingface: llamaHuggingFace,
};

/** Decoder of the LLaMA kind. Reads llama2.c checkpoints too. */
export const llama: ArchitecturePlugin<"llama"> = defineArchitecture("llama", "@pare/models", architecture);
