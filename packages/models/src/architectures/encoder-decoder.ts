import { rows, sub, type Value } from "@pare/tensor-core";
import { z } from "zod";
import type { Architecture, DecodeInputs, EncodeInputs, ForwardInputs, ModelScope } from "../architecture.ts";
import { defineArchitecture, type ArchitecturePlugin } from "../define-architecture.ts";
import {
  attentionWeights,
  cacheNames,
  cacheSpecs,
  crossAttention,
  feedForward,
  feedForwardWeights,
  headGroup,
  keysAndValues,
  logits,
  neuronGroup,
  norm,
  normWeights,
  rotaryStyle,
  selfAttention,
  vocabularyWeights,
  writeCaches,
  type Blocks,
  type BlockScope,
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

export interface DecoderLayer extends TransformerLayer {
  /** The same as `keyValueHeads` for the attention over the source. */
  readonly crossKeyValueHeads: readonly number[];
}

/**
 * Encoder–decoder transformer (Vaswani et al. 2017) out of the parts of a modern decoder: RMS norm before each branch,
 * rotary positions in the self-attentions, SwiGLU; one vocabulary for source and output.
 */
export interface EncoderDecoderConfig extends TransformerConfig {
  readonly architecture: "encoder-decoder";
  readonly encoder: readonly TransformerLayer[];
  readonly decoder: readonly DecoderLayer[];
}

const schema: z.ZodType<EncoderDecoderConfig> = z.strictObject({
  architecture: z.literal("encoder-decoder"),
  ...configFields,
  encoder: z.array(z.strictObject(layerFields)),
  decoder: z.array(z.strictObject({ ...layerFields, crossKeyValueHeads: layerFields.keyValueHeads })),
});

export interface EncoderDecoderShape extends TransformerShape {
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  /** Default 100: wavelengths of 6 to at most 628 positions. On SCAN, sequences of up to 50, it learns faster than 10000. */
  readonly ropeBase?: number | undefined;
}

/** A config whose layers are all alike. Throws `models/config-invalid`. */
export function encoderDecoderConfig(shape: EncoderDecoderShape): EncoderDecoderConfig {
  const { heads, feedForward: neurons, ropeBase = 100 } = shape;
  const keyValueHeads = evenHeads(heads, heads);
  const layer: TransformerLayer = { keyValueHeads, feedForward: neurons };
  const config = {
    architecture: "encoder-decoder",
    ...freshFields(shape, ropeBase),
    encoder: Array.from({ length: shape.encoderLayers }, () => layer),
    decoder: Array.from({ length: shape.decoderLayers }, () => ({ ...layer, crossKeyValueHeads: keyValueHeads })),
  };
  return parseConfig(schema, config, "config");
}

function blocksOf(config: EncoderDecoderConfig): Blocks {
  return { config, style: rotaryStyle(config) };
}

function blockScope(scope: ModelScope, config: EncoderDecoderConfig): BlockScope {
  return { scope, ...blocksOf(config) };
}

function runEncoder(
  scope: ModelScope,
  config: EncoderDecoderConfig,
  {
    source,
    sourcePositions,
    sourceLengths,
  }: Required<Pick<EncodeInputs, "source" | "sourcePositions">> & { readonly sourceLengths?: Value | undefined },
): Value {
  const at = blockScope(scope, config);
  let x = scope.tracer.site("encoder.embedding", rows(scope.weight("embedding"), source));
  for (const [index, layer] of config.encoder.entries()) {
    x = selfAttention(at, x, {
      prefix: `encoder.${index}.attention`,
      keyValueHeads: layer.keyValueHeads,
      positions: sourcePositions,
      lengths: sourceLengths,
      causal: false,
    });
    x = scope.tracer.site(`encoder.${index}`, feedForward(at, x, `encoder.${index}.feedForward`, layer.feedForward));
  }
  return scope.tracer.site("encoder", norm(at, "encoder.norm", x));
}

interface RunDecoder extends Visibility {
  readonly tokens: Value;
  readonly positions: Value;
  readonly sourceLengths: Value | undefined;
  /** Absent where keys and values come from a cache. */
  readonly sourcePositions?: Value | undefined;
  /** Keys and values of the source for the cross attention at `prefix`. */
  readonly source: (prefix: string, keyValueHeads: readonly number[]) => KeyValue;
  readonly extend?: ((prefix: string, heads: number, fresh: KeyValue) => KeyValue) | undefined;
}

function runDecoder(
  scope: ModelScope,
  config: EncoderDecoderConfig,
  { tokens, positions, sourceLengths, sourcePositions, source, extend, ...visibility }: RunDecoder,
): Value {
  const at = blockScope(scope, config);
  let x = scope.tracer.site("decoder.embedding", rows(scope.weight("embedding"), tokens));
  for (const [index, layer] of config.decoder.entries()) {
    const prefix = `decoder.${index}.attention`;
    const cross = `decoder.${index}.crossAttention`;
    x = selfAttention(at, x, {
      ...visibility,
      prefix,
      positions,
      keyValueHeads: layer.keyValueHeads,
      extend: extend && ((fresh) => extend(prefix, countHeads(layer.keyValueHeads), fresh)),
    });
    x = crossAttention(at, x, {
      prefix: cross,
      keyValueHeads: layer.crossKeyValueHeads,
      causal: false,
      lengths: sourceLengths,
      positions: sourcePositions && { query: positions, key: sourcePositions },
      source: () => source(cross, layer.crossKeyValueHeads),
    });
    x = scope.tracer.site(`decoder.${index}`, feedForward(at, x, `decoder.${index}.feedForward`, layer.feedForward));
  }
  return logits(at, x, "decoder.norm");
}

function forward(scope: ModelScope, config: EncoderDecoderConfig, inputs: ForwardInputs): Value {
  const { tokens, positions, lengths, sourceLengths, sourcePositions } = inputs;
  const encoded = runEncoder(scope, config, { source: inputs.source!, sourcePositions: inputs.sourcePositions!, sourceLengths });
  return runDecoder(scope, config, {
    tokens,
    positions,
    lengths,
    sourceLengths,
    sourcePositions,
    causal: true,
    source: (prefix, heads) => keysAndValues(blockScope(scope, config), prefix, heads, encoded),
  });
}

function encode(scope: ModelScope, config: EncoderDecoderConfig, inputs: EncodeInputs): void {
  const at = blockScope(scope, config);
  const encoded = runEncoder(scope, config, inputs);
  const [batch, capacity] = inputs.source.shape as [Value["shape"][number], Value["shape"][number]];
  const starts = sub(inputs.sourceLengths, inputs.sourceLengths);
  for (const [index, { crossKeyValueHeads }] of config.decoder.entries()) {
    if (crossKeyValueHeads.length === 0) continue;
    const prefix = `decoder.${index}.crossAttention`;
    const fresh = keysAndValues(at, prefix, crossKeyValueHeads, encoded);
    writeCaches(at, prefix, fresh, { starts, batch, capacity, heads: countHeads(crossKeyValueHeads) });
  }
}

function decode(scope: ModelScope, config: EncoderDecoderConfig, inputs: DecodeInputs): Value {
  const { tokens, positions, starts, lengths, batch, capacity, sourceLengths } = inputs;
  const at = blockScope(scope, config);
  return runDecoder(scope, config, {
    tokens,
    positions,
    lengths,
    starts,
    sourceLengths,
    causal: true,
    extend: (prefix, heads, fresh) => writeCaches(at, prefix, fresh, { starts, batch, capacity, heads }),
    source: (prefix, keyValue) => {
      const { key, value } = cacheNames(prefix);
      const state = (name: string): Value =>
        scope.tracer.state(name, "f32", [batch, inputs.sourceCapacity!, countHeads(keyValue), config.headDim]);
      return { key: state(key), value: state(value) };
    },
  });
}

/** Branches that add up to a stack's residual stream. */
function branches({ encoder, decoder }: EncoderDecoderConfig): { readonly encoder: number; readonly decoder: number } {
  return { encoder: 2 * encoder.length, decoder: 3 * decoder.length };
}

const architecture: Architecture<EncoderDecoderConfig> = {
  family: "encoder-decoder",
  parse: (raw, file) => parseConfig(schema, raw, file),
  weights: (config) => [
    ...vocabularyWeights(config),
    ...config.encoder.flatMap((layer, index) => [
      ...attentionWeights(blocksOf(config), `encoder.${index}.attention`, layer.keyValueHeads, branches(config).encoder),
      ...feedForwardWeights(blocksOf(config), `encoder.${index}.feedForward`, layer.feedForward, branches(config).encoder),
    ]),
    ...normWeights(blocksOf(config), "encoder.norm"),
    ...config.decoder.flatMap((layer, index) => [
      ...attentionWeights(blocksOf(config), `decoder.${index}.attention`, layer.keyValueHeads, branches(config).decoder),
      ...attentionWeights(blocksOf(config), `decoder.${index}.crossAttention`, layer.crossKeyValueHeads, branches(config).decoder),
      ...feedForwardWeights(blocksOf(config), `decoder.${index}.feedForward`, layer.feedForward, branches(config).decoder),
    ]),
    ...normWeights(blocksOf(config), "decoder.norm"),
  ],
  forward,
  encode,
  decode,
  caches: (config) =>
    config.decoder.flatMap((layer, index) => [
      ...cacheSpecs(config, `decoder.${index}.attention`, layer.keyValueHeads, false),
      ...cacheSpecs(config, `decoder.${index}.crossAttention`, layer.crossKeyValueHeads, true),
    ]),
  heads: (config) => [
    ...config.encoder.flatMap((layer, index) => headGroup(blocksOf(config), `encoder.${index}.attention`, layer.keyValueHeads)),
    ...config.decoder.flatMap((layer, index) => [
      ...headGroup(blocksOf(config), `decoder.${index}.attention`, layer.keyValueHeads),
      ...headGroup(blocksOf(config), `decoder.${index}.crossAttention`, layer.crossKeyValueHeads),
    ]),
  ],
  withHeads: (config, kept) => ({
    ...config,
    encoder: config.encoder.map((layer, index) => ({
      ...layer,
      keyValueHeads: keepHeads(layer.keyValueHeads, kept[`encoder.${index}.attention.heads`]),
    })),
    decoder: config.decoder.map((layer, index) => ({
      ...layer,
      keyValueHeads: keepHeads(layer.keyValueHeads, kept[`decoder.${index}.attention.heads`]),
      crossKeyValueHeads: keepHeads(layer.crossKeyValueHeads, kept[`decoder.${index}.crossAttention.heads`]),
    })),
  }),
  neurons: (config) => [
    ...config.encoder.flatMap((layer, index) => neuronGroup(blocksOf(config), `encoder.${index}.feedForward`, layer.feedForward)),
    ...config.decoder.flatMap((layer, index) => neuronGroup(blocksOf(config), `decoder.${index}.feedForward`, layer.feedForward)),
  ],
  withNeurons: (config, counts) => ({
    ...config,
    encoder: config.encoder.map((layer, index) => ({
      ...layer,
      feedForward: counts[`encoder.${index}.feedForward.neurons`] ?? layer.feedForward,
    })),
    decoder: config.decoder.map((layer, index) => ({
      ...layer,
      feedForward: counts[`decoder.${index}.feedForward.neurons`] ?? layer.feedForward,
    })),
  }),
  layers: (config) => [
    { stack: "encoder", prefixes: config.encoder.map((_, index) => `encoder.${index}.`), input: "encoder.embedding" },
    { stack: "decoder", prefixes: config.decoder.map((_, index) => `decoder.${index}.`), input: "decoder.embedding" },
  ],
  withLayers: (config, kept) => ({
    ...config,
    encoder: kept["encoder"]?.map((index) => config.encoder[index]!) ?? config.encoder,
    decoder: kept["decoder"]?.map((index) => config.decoder[index]!) ?? config.decoder,
  }),
};

/** Small encoder–decoder transformer. */
export const encoderDecoder: ArchitecturePlugin<"encoder-decoder"> = defineArchitecture("encoder-decoder", "@pare/models", architecture);
