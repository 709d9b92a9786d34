/** An architecture is a value: how a config is read, which weights it has, and its computation as plain functions over tensors. */
import type { Dim, Tracer, Value } from "@pare/tensor-core";
import type { ModelConfig } from "./checkpoint.ts";
import type { Imported } from "./imported.ts";

/** How a fresh weight is drawn. */
export type Initial = { readonly normal: number } | "ones" | "zeros";

export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** linear `[out, in]` and rows `[count, dim]` may be compressed; norm and bias stay dense. */
  readonly role: "linear" | "rows" | "norm" | "bias";
  readonly initial: Initial;
}

/** What a computation may use: the tracer, and weights by name (a leaf, or a trainable view over leaves). */
export interface ModelScope {
  readonly tracer: Tracer;
  readonly weight: (name: string) => Value;
}

/** i32. Positions count from 0 and are run-time inputs; keys at or past a length are never read. */
export interface ForwardInputs {
  /** `[batch, seq]`; for an encoder–decoder the decoder's input (begin token first). */
  readonly tokens: Value;
  /** `[batch, seq]` */
  readonly positions: Value;
  /** `[batch]` valid tokens per row; absent: all. */
  readonly lengths?: Value | undefined;
  /** Encoder–decoder: `[batch, sourceSeq]`, `[batch, sourceSeq]`, `[batch]`. */
  readonly source?: Value | undefined;
  readonly sourcePositions?: Value | undefined;
  readonly sourceLengths?: Value | undefined;
}

/** One decoding call over caches that are States of the tracer: prefill (many steps) and decode (one) alike. */
export interface DecodeInputs {
  /** `[batch, steps]` */
  readonly tokens: Value;
  readonly positions: Value;
  /** `[batch]` position of the first step in the cache. */
  readonly starts: Value;
  /** `[batch]` valid cache entries after this call: starts + real steps of the row. */
  readonly lengths: Value;
  readonly batch: Dim;
  readonly capacity: Dim;
  /** Encoder–decoder: `[batch]` source lengths, and the source capacity of the cross caches. */
  readonly sourceLengths?: Value | undefined;
  readonly sourceCapacity?: Dim | undefined;
}

/** What the encoder of an encoder–decoder reads: i32 `[batch, sourceSeq]`, `[batch, sourceSeq]`, `[batch]`. */
export interface EncodeInputs {
  readonly source: Value;
  readonly sourcePositions: Value;
  readonly sourceLengths: Value;
}

/** One cache State, f32 `[batch, capacity or source capacity, heads, headDim]`. */
export interface CacheSpec {
  readonly name: string;
  readonly heads: number;
  readonly headDim: number;
  /** True: holds the source's keys or values, written once by `encode`. */
  readonly cross: boolean;
}

/** Query heads that can be removed together with the rows and columns that belong to them. */
export interface HeadGroup {
  /** Site of the per-head attention outputs `[batch, seq, heads, headDim]`, gate axis 2. */
  readonly site: string;
  readonly headDim: number;
  /** Key/value head that each query head reads; its length is the number of query heads. */
  readonly keyValueHeads: readonly number[];
  /** Weights whose axis 0 runs over query heads × headDim. */
  readonly query: readonly string[];
  /** Weights whose axis 0 runs over key/value heads × headDim. */
  readonly keyValue: readonly string[];
  /** Weights whose axis 1 runs over query heads × headDim. */
  readonly output: readonly string[];
}

/** Feed-forward neurons that can be removed together with the rows and columns that belong to them. */
export interface NeuronGroup {
  /** Site of the activations `[batch, seq, neurons]` that the output weight reads, gate axis 2. */
  readonly site: string;
  readonly neurons: number;
  /** Weights whose axis 0 runs over neurons. */
  readonly input: readonly string[];
  /** Weights whose axis 1 runs over neurons. */
  readonly output: readonly string[];
}

/**
 * Layers that compute one after the other. The output `[batch, seq, hidden]` of each is the site named as its prefix without the
 * last dot. In a model of several stacks, later ones read an earlier one at the site named as that stack.
 */
export interface LayerStack {
  readonly stack: string;
  /** What the names of a layer's weights begin with, by layer: "layers.0." */
  readonly prefixes: readonly string[];
  /** Site of what the first layer reads. */
  readonly input: string;
}

/** What an `architecture` plugin defines. */
export interface Architecture<Config extends ModelConfig = ModelConfig> {
  readonly family: "decoder" | "encoder-decoder";
  /** Validates the raw config; throws a coded error naming `file` and field. */
  readonly parse: (raw: unknown, file: string) => Config;
  readonly weights: (config: Config) => readonly WeightSpec[];
  /** Logits `[batch, seq, vocabulary]`. */
  readonly forward: (scope: ModelScope, config: Config, inputs: ForwardInputs) => Value;
  /** Encoder–decoder: runs the encoder and writes every decoder layer's cross keys and values into their States. */
  readonly encode?: ((scope: ModelScope, config: Config, inputs: EncodeInputs) => void) | undefined;
  /** Logits `[batch, steps, vocabulary]`; reads and updates the caches. */
  readonly decode: (scope: ModelScope, config: Config, inputs: DecodeInputs) => Value;
  /** States (f32) that `decode` and `encode` use: `[batch, entries, heads, dim]`; `cross` ones grow with the source, not with the output. */
  readonly caches: (config: Config) => readonly CacheSpec[];
  /** Removable heads; uneven counts per layer are legal. */
  readonly heads: (config: Config) => readonly HeadGroup[];
  /** The config after keeping only these query heads (ascending) of each group named by site; groups left out stay whole. */
  readonly withHeads: (config: Config, kept: Readonly<Record<string, readonly number[]>>) => Config;
  /** Removable feed-forward neurons; uneven counts per layer are legal. */
  readonly neurons: (config: Config) => readonly NeuronGroup[];
  /** The config with this many neurons in each group named by site; groups left out stay whole. */
  readonly withNeurons: (config: Config, counts: Readonly<Record<string, number>>) => Config;
  /** The transformer layers by stack, in the order in which they compute. */
  readonly layers: (config: Config) => readonly LayerStack[];
  /** The config with only these layers of a stack (ascending indices into the old ones). */
  readonly withLayers: (config: Config, kept: Readonly<Record<string, readonly number[]>>) => Config;
  /** By format id: what that format's reader gave, as a model of this architecture; undefined where it is another's. */
  readonly imports?: Readonly<Record<string, (content: unknown) => Imported | undefined>> | undefined;
}
