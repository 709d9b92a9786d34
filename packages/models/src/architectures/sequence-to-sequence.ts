/** What all encoder–decoders of this package are: two stacks over one vocabulary, the second of which also attends to the first. */
import { cacheWrite, cast, reshape, sub, type Dim, type Value } from "@pare/tensor-core";
import type { Architecture, DecodeInputs, EncodeInputs, ForwardInputs, ModelScope, WeightSpec } from "../architecture.ts";
import {
  attentionWeights,
  cacheNames,
  cacheSpecs,
  embeddingOf,
  embedTokens,
  crossAttention,
  feedForward,
  feedForwardWeights,
  keysAndValues,
  logits,
  norm,
  normWeights,
  selfAttention,
  vocabularyWeights,
  writeCaches,
  type Blocks,
  type BlockScope,
  type KeyValue,
  type Visibility,
} from "./blocks.ts";
import { countHeads, keepHeads, type BlockConfig, type TransformerLayer } from "./config.ts";
import { headGroup, layerStack, neuronGroups, resized } from "./stack.ts";

/** Layer of a stack; its heads may be those that are left of more. */
export interface StackLayer extends TransformerLayer {
  /** Where positions are in the scores: the column of their table that each query head reads. */
  readonly positionHeads?: readonly number[] | undefined;
}

export interface DecoderLayer extends StackLayer {
  /** The same as `keyValueHeads` for the attention over the source. */
  readonly crossKeyValueHeads: readonly number[];
}

export interface SequenceConfig extends BlockConfig {
  readonly encoder: readonly StackLayer[];
  readonly decoder: readonly DecoderLayer[];
}

export type Stack = "encoder" | "decoder";

/** i32 `[batch, queries]` and `[batch, keys]`. */
export interface Positions {
  readonly query: Value;
  readonly key: Value;
}

/** What self-attention adds to the scores of a layer; nothing where it has no heads. */
export type LayerBias = (layer: StackLayer) => Value | undefined;

/** What tells one kind of encoder–decoder from another. */
export interface SequenceKind<Config extends SequenceConfig> {
  readonly parse: (raw: unknown, file: string) => Config;
  readonly style: (config: Config) => Blocks["style"];
  /** Positions relative to each other, once for all layers of a stack; absent: they are in queries and keys. */
  readonly relative?: ((config: Config, scope: ModelScope, stack: Stack, positions: Positions) => LayerBias) | undefined;
  /** Weights that `relative` reads. */
  readonly relativeWeights?: ((config: Config) => readonly WeightSpec[]) | undefined;
}

type Parts<Config extends SequenceConfig> = Omit<Architecture<Config>, "imports" | "exports" | "huggingface">;

interface Relative {
  readonly relative?: ((scope: ModelScope, stack: Stack, positions: Positions) => LayerBias) | undefined;
}

const POSITIONS_CACHE = "cache.decoder.positions";

/** Positions of what the caches of self-attention hold, i32 `[batch, capacity]`: themselves a cache. */
function cachedPositions({ tracer }: ModelScope, { positions, starts, batch, capacity }: DecodeInputs): Value {
  const state = tracer.state(POSITIONS_CACHE, "f32", [batch, capacity, 1, 1]);
  const fresh = reshape(cast(positions, "f32"), [batch, positions.shape[1]!, 1, 1]);
  const written = cacheWrite(state, fresh, starts);
  tracer.assign(state, written);
  return cast(reshape(written, [batch, capacity]), "i32");
}

/** `placed`: its heads read columns of a table of positions. */
function withHeads(layer: StackLayer, kept: readonly number[] | undefined, placed: boolean): StackLayer {
  if (kept === undefined) return layer;
  const { keyValueHeads, positionHeads } = layer;
  const changed = { ...layer, keyValueHeads: keepHeads(keyValueHeads, kept) };
  return placed ? { ...changed, positionHeads: kept.map((head) => positionHeads?.[head] ?? head) } : changed;
}

function runEncoder(
  at: BlockScope,
  config: SequenceConfig,
  kind: Relative,
  {
    source,
    sourcePositions,
    sourceLengths,
  }: Required<Pick<EncodeInputs, "source" | "sourcePositions">> & { readonly sourceLengths?: Value | undefined },
): Value {
  const { scope } = at;
  const bias = kind.relative?.(scope, "encoder", { query: sourcePositions, key: sourcePositions });
  let x = scope.tracer.site("encoder.embedding", embedTokens(scope, config, source), [2]);
  for (const [index, layer] of config.encoder.entries()) {
    x = selfAttention(at, x, {
      prefix: `encoder.${index}.attention`,
      keyValueHeads: layer.keyValueHeads,
      positions: sourcePositions,
      lengths: sourceLengths,
      causal: false,
      bias: bias?.(layer),
    });
    x = scope.tracer.site(`encoder.${index}`, feedForward(at, x, `encoder.${index}.feedForward`, layer.feedForward), [2]);
  }
  return scope.tracer.site("encoder", norm(at, "encoder.norm", x));
}

interface RunDecoder extends Visibility {
  readonly tokens: Value;
  readonly positions: Value;
  /** Of the keys that self-attention sees, i32 `[batch or 1, keys]`. */
  readonly keyPositions: () => Value;
  readonly sourceLengths: Value | undefined;
  /** Absent where keys and values come from a cache. */
  readonly sourcePositions?: Value | undefined;
  /** Keys and values of the source for the cross attention at `prefix`. */
  readonly source: (prefix: string, keyValueHeads: readonly number[]) => KeyValue;
  readonly extend?: ((prefix: string, heads: number, fresh: KeyValue) => KeyValue) | undefined;
}

function runDecoder(
  at: BlockScope,
  config: SequenceConfig,
  kind: Relative,
  { tokens, positions, keyPositions, sourceLengths, sourcePositions, source, extend, ...visibility }: RunDecoder,
): Value {
  const { scope } = at;
  const bias = kind.relative?.(scope, "decoder", { query: positions, key: keyPositions() });
  let x = scope.tracer.site("decoder.embedding", embedTokens(scope, config, tokens), [2]);
  for (const [index, layer] of config.decoder.entries()) {
    const prefix = `decoder.${index}.attention`;
    const cross = `decoder.${index}.crossAttention`;
    x = selfAttention(at, x, {
      ...visibility,
      prefix,
      positions,
      bias: bias?.(layer),
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
    x = scope.tracer.site(`decoder.${index}`, feedForward(at, x, `decoder.${index}.feedForward`, layer.feedForward), [2]);
  }
  return logits(at, x, "decoder.norm");
}

/** Branches that add up to a stack's residual stream. */
function branches({ encoder, decoder }: SequenceConfig): { readonly encoder: number; readonly decoder: number } {
  return { encoder: 2 * encoder.length, decoder: 3 * decoder.length };
}

/** The computation and the structure of a kind of encoder–decoder. */
export function sequenceToSequence<Config extends SequenceConfig>(kind: SequenceKind<Config>): Parts<Config> {
  const blocksOf = (config: Config): Blocks => ({ config, style: kind.style(config) });
  const at = (scope: ModelScope, config: Config): BlockScope => ({ scope, ...blocksOf(config) });
  const relativeOf = (config: Config): Relative => ({ relative: kind.relative && ((...where) => kind.relative!(config, ...where)) });
  const forward = (scope: ModelScope, config: Config, inputs: ForwardInputs): Value => {
    const { tokens, positions, lengths, sourceLengths, source, sourcePositions } = inputs;
    const here = at(scope, config);
    const read = { source: source!, sourcePositions: sourcePositions!, sourceLengths };
    const encoded = runEncoder(here, config, relativeOf(config), read);
    return runDecoder(here, config, relativeOf(config), {
      tokens,
      positions,
      keyPositions: () => positions,
      lengths,
      sourceLengths,
      sourcePositions,
      causal: true,
      source: (prefix, heads) => keysAndValues(here, prefix, heads, encoded),
    });
  };
  const encode = (scope: ModelScope, config: Config, inputs: EncodeInputs): void => {
    const here = at(scope, config);
    const encoded = runEncoder(here, config, relativeOf(config), inputs);
    const [batch, capacity] = inputs.source.shape as [Dim, Dim];
    const starts = sub(inputs.sourceLengths, inputs.sourceLengths);
    for (const [index, { crossKeyValueHeads }] of config.decoder.entries()) {
      if (crossKeyValueHeads.length === 0) continue;
      const prefix = `decoder.${index}.crossAttention`;
      const fresh = keysAndValues(here, prefix, crossKeyValueHeads, encoded);
      writeCaches(here, prefix, fresh, { starts, batch, capacity, heads: countHeads(crossKeyValueHeads) });
    }
  };
  const decode = (scope: ModelScope, config: Config, inputs: DecodeInputs): Value => {
    const { tokens, positions, starts, lengths, batch, capacity, sourceLengths, encoded } = inputs;
    const here = at(scope, config);
    return runDecoder(here, config, relativeOf(config), {
      tokens,
      positions,
      keyPositions: () => inputs.keyPositions ?? cachedPositions(scope, inputs),
      lengths,
      starts,
      sourceLengths,
      causal: true,
      extend: (prefix, heads, fresh) => writeCaches(here, prefix, fresh, { starts, batch, capacity, heads }),
      source: (prefix, keyValue) => {
        if (encoded !== undefined) return keysAndValues(here, prefix, keyValue, encoded);
        const { key, value } = cacheNames(prefix);
        const state = (name: string): Value =>
          scope.tracer.state(name, "f32", [batch, inputs.sourceCapacity!, countHeads(keyValue), config.headDim]);
        return { key: state(key), value: state(value) };
      },
    });
  };
  return {
    family: "encoder-decoder",
    parse: kind.parse,
    weights: (config) => [
      ...vocabularyWeights(config),
      ...(kind.relativeWeights?.(config) ?? []),
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
    encoder: (scope, config, inputs) => runEncoder(at(scope, config), config, relativeOf(config), inputs),
    encode,
    decode,
    caches: (config) =>
      config.decoder
        .flatMap((layer, index) => [
          ...cacheSpecs(config, `decoder.${index}.attention`, layer.keyValueHeads, false),
          ...cacheSpecs(config, `decoder.${index}.crossAttention`, layer.crossKeyValueHeads, true),
        ])
        .concat(kind.relative === undefined ? [] : [{ name: POSITIONS_CACHE, heads: 1, headDim: 1, cross: false }]),
    heads: (config) => [
      ...config.encoder.flatMap((layer, index) => headGroup(config.headDim, `encoder.${index}.attention`, layer.keyValueHeads)),
      ...config.decoder.flatMap((layer, index) => [
        ...headGroup(config.headDim, `decoder.${index}.attention`, layer.keyValueHeads),
        ...headGroup(config.headDim, `decoder.${index}.crossAttention`, layer.crossKeyValueHeads),
      ]),
    ],
    withHeads: (config, kept) => ({
      ...config,
      encoder: config.encoder.map((layer, index) => ({
        ...withHeads(layer, kept[`encoder.${index}.attention.heads`], kind.relative !== undefined),
      })),
      decoder: config.decoder.map((layer, index) => ({
        ...withHeads(layer, kept[`decoder.${index}.attention.heads`], kind.relative !== undefined),
        crossKeyValueHeads: keepHeads(layer.crossKeyValueHeads, kept[`decoder.${index}.crossAttention.heads`]),
      })),
    }),
    neurons: ({ encoder, decoder }) => [...neuronGroups("encoder", encoder), ...neuronGroups("decoder", decoder)],
    withNeurons: (config, counts) => ({
      ...config,
      encoder: resized("encoder", config.encoder, counts),
      decoder: resized("decoder", config.decoder, counts),
    }),
    hidden: ({ hiddenSize }) => ({ site: "decoder.embedding", size: hiddenSize }),
    withHidden: (config, hiddenSize) => ({ ...config, hiddenSize }),
    embedding: embeddingOf,
    withEmbedding: (config, embeddingSize) => ({ ...config, embeddingSize }),
    layers: ({ encoder, decoder }) => [
      layerStack("encoder", encoder, "encoder.embedding"),
      layerStack("decoder", decoder, "decoder.embedding"),
    ],
    withLayers: (config, kept) => ({
      ...config,
      encoder: kept["encoder"]?.map((index) => config.encoder[index]!) ?? config.encoder,
      decoder: kept["decoder"]?.map((index) => config.decoder[index]!) ?? config.decoder,
    }),
  };
}
