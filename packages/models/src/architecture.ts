/** An architecture is a value: how a config is read, which weights it has, and its computation as plain functions over tensors. */
import type { Dim, StoredWeight, Tracer, Value } from "@pare/tensor-core";
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
  /** Further numbers per token by name, `[batch, seq]`: those that {@link Architecture.tokenInputs} lists. */
  readonly extra?: Readonly<Record<string, Value>> | undefined;
  /** Encoder–decoder: `[batch, sourceSeq]`, `[batch, sourceSeq]`, `[batch]`. */
  readonly source?: Value | undefined;
  readonly sourcePositions?: Value | undefined;
  readonly sourceLengths?: Value | undefined;
  /** For an architecture that predicts in any order (XLNet): absent, every token is there to be seen. */
  readonly permutation?: Permutation | undefined;
  /** For an architecture that reads a text in segments (XLNet): absent, nothing was before. */
  readonly memory?: SegmentMemory | undefined;
}

/** An order in which tokens are predicted, as who sees whom (Yang et al. 2019, section 2.2). f32. */
export interface Permutation {
  /** `[batch, seq, seq]`: 1 where the token of the row must not see that of the column. */
  readonly hidden?: Value | undefined;
  /**
   * `[batch, targets, seq]`: 1 where a target is that token, otherwise 0; "each": every token is a target, in order. Then the forward pass
   * gives `[batch, targets, …]`, of states that have not seen their token. A target that sees no token at all is guessed from its place alone.
   */
  readonly targets?: Value | "each" | undefined;
}

/** What an architecture remembers of a segment, for the next one to read. */
export interface MemorySpec {
  /** Each layer remembers what it read, `[batch, entries, width]`. */
  readonly layers: number;
  readonly width: number;
  /** Entries at most; 0: whoever reads segments says how many. */
  readonly entries: number;
  /** Tokens of a segment, its first ones, that are remembered; 0: all. */
  readonly reused: number;
}

/** What is known of the segments before. */
export interface SegmentMemory {
  /** What each layer read there, f32 `[batch, entries, hidden]` with a number of entries; the newest last. */
  readonly states: readonly Value[];
  /** i32 `[batch]`: how many of the entries, the last ones, are there. */
  readonly lengths: Value;
  /** Given what each layer reads now, `[batch, entries + seq, hidden]`. */
  readonly keep?: ((layer: number, read: Value) => void) | undefined;
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
  /** In place of the cross caches: what {@link Architecture.encoder} gave. */
  readonly encoded?: Value | undefined;
  /** Positions of all entries of the cache, i32 `[batch, capacity]`, in place of a cache of them where the architecture keeps one. */
  readonly keyPositions?: Value | undefined;
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

/** Query heads that can be removed. Which rows and columns belong to them the traced graph says. */
export interface HeadGroup {
  /** Site of the per-head attention outputs `[batch, seq, heads, headDim]`, gate axis 2. */
  readonly site: string;
  /** Site where the attention weights `[batch, heads, queries, keys]` can be looked at; absent: they cannot. */
  readonly weights?: string | undefined;
  readonly headDim: number;
  /** Key/value head that each query head reads; its length is the number of query heads. */
  readonly keyValueHeads: readonly number[];
}

/** Feed-forward neurons that can be removed. */
export interface NeuronGroup {
  /** Site of the activations `[batch, seq, neurons]` that the output weight reads, gate axis 2. */
  readonly site: string;
  readonly neurons: number;
}

/** Where the token embedding stands: one table `[vocabulary, hidden]`, or the product of a narrower one and a projection. */
export interface EmbeddingWeights {
  readonly table: string;
  /** Of a narrower table `[vocabulary, e]`: `[hidden, e]`. */
  readonly projection?: string | undefined;
  /** Where the logits come from the same table: `[e, hidden]`. */
  readonly output?: string | undefined;
}

/** The residual stream's width. */
export interface HiddenWidth {
  /** A site `[batch, seq, size]` of the stream. */
  readonly site: string;
  readonly size: number;
}

/**
 * Layers that compute one after the other. The output `[batch, seq, hidden]` of each is the site named as its prefix without the
 * last dot, gate axis 2, as is `input`. In a model of several stacks, later ones read an earlier one at the site named as that stack.
 */
export interface LayerStack {
  readonly stack: string;
  /** What the names of a layer's weights begin with, by layer: "layers.0." */
  readonly prefixes: readonly string[];
  /** Site of what the first layer reads. */
  readonly input: string;
}

/** A further i32 input with one number per token, `[batch, seq]`: BERT's token types. */
export interface TokenInput {
  readonly name: string;
  /** Numbers are 0 … count − 1. */
  readonly count: number;
  /** What tokens have where a row says nothing, padding among them. */
  readonly otherwise: number;
}

/** What a model's forward pass gives, so that sessions, objectives, suites and applications know whether it is what they need. */
export interface Head {
  /**
   * The task by the field's name for it: next-token, masked-token, sequence-classification, token-classification,
   * question-answering, multiple-choice, sentence-embedding, features, permuted-token (its forward pass takes a permutation). Further ones are an architecture's own.
   */
  readonly task: string;
  /** true: `[batch, seq, width]`; false: `[batch, width]`. */
  readonly perToken: boolean;
  readonly width: number;
  /** Names of the classes by index, where the head has classes. */
  readonly labels?: readonly string[] | undefined;
  /** Of sequence-classification: one class of all (default), any of them, or numbers. */
  readonly kind?: "single" | "multiple" | "regression" | undefined;
}

/** A head that is asked for: its task, and what it takes to say besides (labels). */
export interface HeadWanted {
  readonly task: string;
  readonly [option: string]: unknown;
}

/** How a model gets another head. */
export interface HeadChange<Config extends ModelConfig = ModelConfig> {
  /** The config with that head, for `parse` to check; what is left out of `head` is what the model's kind has there. */
  readonly config: (config: Config, head: HeadWanted) => Config;
  /** Names of the weights that are the head's own and start anew. */
  readonly weights: (config: Config) => readonly string[];
}

/** A folder's config.json as it stands. */
export type RawConfig = Readonly<Record<string, unknown>>;

/** Where a weight stands in a file of another library. */
export interface TensorName {
  readonly weight: string;
  /** The tensor's name. Weights that share a tensor lie in it one under the other in the order of the list (fused query, key, value). */
  readonly tensor: string;
  /** Names that other versions gave the tensor. */
  readonly aliases?: readonly string[] | undefined;
  /** The tensor is `[in, out]` where the weight is `[out, in]` (GPT-2's Conv1D, XLNet). */
  readonly transposed?: boolean | undefined;
  /** Shape in the file where it is another cut of the same numbers: `[hidden, heads, headDim]` read as `[hidden, heads·headDim]`. */
  readonly shape?: readonly number[] | undefined;
}

/** A model's weights by name. */
type Weights = ReadonlyMap<string, StoredWeight>;

/** How an architecture reads and writes the folders of Hugging Face's transformers library. */
export interface HuggingFace<Config extends ModelConfig = ModelConfig> {
  /** Values of `model_type` in config.json that are this architecture. */
  readonly modelTypes: readonly string[];
  /** Throws `models/config-invalid` naming file and field, for what this architecture cannot compute among other things. */
  readonly read: (raw: RawConfig, file: string, beside: BesideConfig) => Config | Promise<Config>;
  /** The fields of config.json that say this config, `model_type` and `architectures` among them. Throws `models/not-expressible`. */
  readonly write: (config: Config) => RawConfig;
  /** Every weight of the config once, under the name that the library writes. */
  readonly names: (config: Config) => readonly TensorName[];
  /** The same function as the library computes it, where weights lie otherwise there; undefined: they lie as there. */
  readonly library?: ((config: Config, weights: Weights) => { readonly config: Config; readonly weights: Weights } | undefined) | undefined;
  /** What the names begin with in models with a head and lack in models without: "bert.". Reading takes both. */
  readonly base?: ((config: Config) => string) | undefined;
  /** Tensors that a file may hold and this model has no use for: buffers, copies of tied weights, other heads. */
  readonly unused?: readonly RegExp[] | undefined;
  /** Further JSON files that say part of the config, by name: a sentence embedder's pooling. */
  readonly beside?: ((config: Config) => Readonly<Record<string, unknown>>) | undefined;
}

/** JSON of another file in config.json's folder; undefined where there is none. */
export type BesideConfig = (name: string) => Promise<unknown>;

/** What an `architecture` plugin defines. */
export interface Architecture<Config extends ModelConfig = ModelConfig> {
  /** decoder, encoder, encoder-decoder, or a word of the architecture's own: what a message calls it. Those with `encode` read sources. */
  readonly family: string;
  /** Validates the raw config; throws a coded error naming `file` and field. */
  readonly parse: (raw: unknown, file: string) => Config;
  readonly weights: (config: Config) => readonly WeightSpec[];
  /** What `forward` gives; absent: logits for the next token, `[batch, seq, vocabulary]`. */
  readonly head?: ((config: Config) => Head) | undefined;
  /** Absent: the model keeps the head it has. */
  readonly headChange?: HeadChange<Config> | undefined;
  /** Absent: tokens and positions alone. */
  readonly tokenInputs?: ((config: Config) => readonly TokenInput[]) | undefined;
  /** What {@link head} says, f32. */
  readonly forward: (scope: ModelScope, config: Config, inputs: ForwardInputs) => Value;
  /** Encoder–decoder: what its decoder reads first; absent, or undefined: the tokenizer's begin token. */
  readonly startToken?: ((config: Config) => number | undefined) | undefined;
  /** Encoder–decoder: hidden states of a source, `[batch, sourceSeq, hidden]`. Absent: its parts cannot be written as two models. */
  readonly encoder?: ((scope: ModelScope, config: Config, inputs: EncodeInputs) => Value) | undefined;
  /** Encoder–decoder: runs the encoder and writes every decoder layer's cross keys and values into their States. */
  readonly encode?: ((scope: ModelScope, config: Config, inputs: EncodeInputs) => void) | undefined;
  /** Logits `[batch, steps, vocabulary]`; reads and updates the caches. Absent: the model cannot generate. */
  readonly decode?: ((scope: ModelScope, config: Config, inputs: DecodeInputs) => Value) | undefined;
  /** States (f32) that `decode` and `encode` use: `[batch, entries, heads, dim]`; `cross` ones grow with the source, not with the output. */
  readonly caches?: ((config: Config) => readonly CacheSpec[]) | undefined;
  /** For texts that are read in segments, see {@link SegmentMemory}. Absent: every forward pass stands alone. */
  readonly memory?: ((config: Config) => MemorySpec) | undefined;
  /** Removable heads; uneven counts per layer are legal. */
  readonly heads: (config: Config) => readonly HeadGroup[];
  /** The config after keeping only these query heads (ascending) of each group named by site; groups left out stay whole. */
  readonly withHeads: (config: Config, kept: Readonly<Record<string, readonly number[]>>) => Config;
  /** Removable feed-forward neurons; uneven counts per layer are legal. */
  readonly neurons: (config: Config) => readonly NeuronGroup[];
  /** The config with this many neurons in each group named by site; groups left out stay whole. */
  readonly withNeurons: (config: Config, counts: Readonly<Record<string, number>>) => Config;
  /** The width that all layers share; heads keep theirs. Absent, as `withHidden`: it cannot change. */
  readonly hidden?: ((config: Config) => HiddenWidth) | undefined;
  /** The config with a residual stream of this width. */
  readonly withHidden?: ((config: Config, size: number) => Config) | undefined;
  /** The weights of the token embedding. Absent, as `withEmbedding`: it is one table and stays one. */
  readonly embedding?: ((config: Config) => EmbeddingWeights) | undefined;
  /** The config with an embedding of this width, projected to the hidden size (Lan et al., "ALBERT", 2020, section 3.1). */
  readonly withEmbedding?: ((config: Config, size: number) => Config) | undefined;
  /** The transformer layers by stack, in the order in which they compute. */
  readonly layers: (config: Config) => readonly LayerStack[];
  /** The config with only these layers of a stack (ascending indices into the old ones). */
  readonly withLayers: (config: Config, kept: Readonly<Record<string, readonly number[]>>) => Config;
  /** By format id: what that format's reader gave, as a model of this architecture; undefined where it is another's. */
  readonly imports?: Readonly<Record<string, (content: unknown) => Imported | undefined>> | undefined;
  /** By exporter id: how a model of this config is said in that exporter's format. Throws `models/not-expressible`. */
  readonly exports?: Readonly<Record<string, (config: Config) => unknown>> | undefined;
  /** How it reads and writes transformers folders. */
  readonly huggingface?: HuggingFace<Config> | undefined;
}
