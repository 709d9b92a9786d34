/** The parts that the architectures of this package share: attention and feed-forward branches with a norm before, each under its sites. */
import {
  add,
  attention,
  cacheWrite,
  layerNorm,
  linear,
  mul,
  reshape,
  rmsNorm,
  rope,
  rows,
  siluMul,
  type Dim,
  type Value,
} from "@pare/tensor-core";
import type { CacheSpec, EmbeddingWeights, Initial, ModelScope, WeightSpec } from "../architecture.ts";
import { attentionMap, type AttentionMapOptions } from "./attention-map.ts";
import { countHeads, type BlockConfig, type TransformerConfig } from "./config.ts";
import { ACTIVATIONS, hasBias, type BlockStyle } from "./style.ts";

/** The blocks of one model. */
export interface Blocks {
  readonly config: BlockConfig;
  readonly style: BlockStyle;
}

/** Where a computation stands: its blocks, weights and tracer. */
export interface BlockScope extends Blocks {
  readonly scope: ModelScope;
}

/** RMS norms, rotary positions, no biases, SwiGLU. */
export function rotaryStyle({ headDim, ropeBase, ropePairing }: TransformerConfig): BlockStyle {
  const rope = { base: ropeBase, pairing: ropePairing };
  return { norm: "rms", biases: [], headNorms: false, rope, scoreScale: 1 / Math.sqrt(headDim), activation: "silu", gated: true };
}

/**
 * The norm of the style with the weights of this name: x / √(mean x² + ε) · w (Zhang and Sennrich 2019, eq. 4), or
 * (x − mean) / √(variance + ε) · w + b (Ba, Kiros and Hinton 2016, eq. 4).
 */
export function norm({ scope, config, style }: BlockScope, name: string, x: Value): Value {
  return style.norm === "rms"
    ? rmsNorm(x, scope.weight(name), config.epsilon)
    : layerNorm(x, scope.weight(name), scope.weight(`${name}.bias`), config.epsilon);
}

/** x·Wᵀ (+ b) with the weights of this name; sites `<name>.input` and `<name>`. */
function project({ scope, style }: BlockScope, name: string, x: Value): Value {
  const input = scope.tracer.site(`${name}.input`, x);
  return scope.tracer.site(name, linear(input, scope.weight(name), hasBias(style, name) ? scope.weight(`${name}.bias`) : undefined));
}

/** What is left of a branch without heads or neurons: x + b, where the style has a bias. */
function biasAlone({ scope, style }: BlockScope, name: string, x: Value): Value {
  return hasBias(style, name) ? add(x, scope.weight(`${name}.bias`)) : x;
}

/** Keys or values that attention reads: `[batch, entries, key/value heads, headDim]`. */
export interface KeyValue {
  readonly key: Value;
  readonly value: Value;
}

/** How far queries see. Lengths and starts are i32 `[batch]`. */
export interface Visibility {
  readonly causal: boolean;
  readonly lengths?: Value | undefined;
  readonly starts?: Value | undefined;
  /** f32, added to the scores: relative positions. As the op takes it. */
  readonly bias?: Value | undefined;
}

export interface SelfAttention extends Visibility {
  readonly prefix: string;
  readonly keyValueHeads: readonly number[];
  readonly positions: Value;
  /** Puts new keys and values behind older ones; absent: there are no older ones. */
  readonly extend?: ((fresh: KeyValue) => KeyValue) | undefined;
}

/** x + attention of x over itself. Sites `<prefix>.weights` (shown only), `<prefix>.heads` (gate axis 2) and `<prefix>`. */
export function selfAttention(at: BlockScope, x: Value, options: SelfAttention): Value {
  const { prefix, keyValueHeads, positions } = options;
  if (keyValueHeads.length === 0) return biasAlone(at, `${prefix}.output`, x);
  const normed = norm(at, `${prefix}.norm`, x);
  const fresh = keysAndValues(at, prefix, keyValueHeads, normed);
  const turned = (name: string, heads: Value): Value => rotate(at, headNorm(at, `${prefix}.${name}.norm`, heads), positions);
  const rotated = { key: turned("key", fresh.key), value: fresh.value };
  const query = turned("query", queries(at, prefix, keyValueHeads, normed));
  const shown = options.extend === undefined ? { query: positions, key: positions } : undefined;
  return attend(at, x, query, options.extend?.(rotated) ?? rotated, { ...options, positions: shown });
}

/** x + attention of x over the keys and values of another sequence. Sites as {@link selfAttention}. */
export function crossAttention(at: BlockScope, x: Value, { source, ...options }: Attend & { readonly source: () => KeyValue }): Value {
  const { prefix, keyValueHeads } = options;
  if (keyValueHeads.length === 0) return biasAlone(at, `${prefix}.output`, x);
  return attend(at, x, queries(at, prefix, keyValueHeads, norm(at, `${prefix}.norm`, x)), source(), options);
}

/** Keys and values of x by the weights `<prefix>.key` and `<prefix>.value`. */
export function keysAndValues(at: BlockScope, prefix: string, keyValueHeads: readonly number[], x: Value): KeyValue {
  const split = (name: string): Value => splitHeads(at, project(at, `${prefix}.${name}`, x), countHeads(keyValueHeads));
  return { key: split("key"), value: split("value") };
}

function queries(at: BlockScope, prefix: string, keyValueHeads: readonly number[], x: Value): Value {
  return splitHeads(at, project(at, `${prefix}.query`, x), keyValueHeads.length);
}

interface Attend extends Visibility {
  readonly prefix: string;
  readonly keyValueHeads: readonly number[];
  /** Of queries and keys, i32 `[batch, …]` from 0; absent (keys from a cache): the weights cannot be shown. */
  readonly positions?: AttentionMapOptions["positions"] | undefined;
}

function attend(
  at: BlockScope,
  x: Value,
  query: Value,
  { key, value }: KeyValue,
  { prefix, keyValueHeads, causal, lengths, starts, bias, positions }: Attend,
): Value {
  const { tracer } = at.scope;
  const { headDim } = at.config;
  const { scoreScale: scale } = at.style;
  const y = attention(query, key, value, { lengths, starts, bias, scale, causal, keyValueHeads });
  if (positions !== undefined)
    tracer.observe(`${prefix}.weights`, () => attentionMap(query, key, { positions, lengths, bias, scale, causal, keyValueHeads }));
  const heads = tracer.site(`${prefix}.heads`, y, [2]);
  const joined = reshape(heads, [x.shape[0]!, x.shape[1]!, keyValueHeads.length * headDim]);
  return add(x, tracer.site(prefix, project(at, `${prefix}.output`, joined)));
}

function splitHeads({ config }: BlockScope, x: Value, heads: number): Value {
  return reshape(x, [x.shape[0]!, x.shape[1]!, heads, config.headDim]);
}

/** Rotary positions (Su et al. 2021, eq. 34), where the style has them. */
function rotate({ style }: BlockScope, x: Value, positions: Value): Value {
  return style.rope === undefined ? x : rope(x, positions, style.rope);
}

/** RMS norm of each head, where the style has it. */
function headNorm({ scope, config, style }: BlockScope, name: string, x: Value): Value {
  return style.headNorms ? rmsNorm(x, scope.weight(name), config.epsilon) : x;
}

/**
 * x + down(f(up x)), or x + down(f(gate x)·up x) where the style is gated (Shazeer 2020, eq. 5 and 6). Sites `<prefix>.neurons`
 * (gate axis 2) and `<prefix>`.
 */
export function feedForward(at: BlockScope, x: Value, prefix: string, neurons: number): Value {
  if (neurons === 0) return biasAlone(at, `${prefix}.down`, x);
  const { tracer } = at.scope;
  const normed = norm(at, `${prefix}.norm`, x);
  const neuronsOut = tracer.site(`${prefix}.neurons`, activated(at, normed, prefix), [2]);
  return add(x, tracer.site(prefix, project(at, `${prefix}.down`, neuronsOut)));
}

function activated(at: BlockScope, x: Value, prefix: string): Value {
  const { gated, activation } = at.style;
  const of = ACTIVATIONS[activation];
  if (!gated) return of(project(at, `${prefix}.up`, x));
  const [gate, up] = [project(at, `${prefix}.gate`, x), project(at, `${prefix}.up`, x)];
  return activation === "silu" ? siluMul(gate, up) : mul(of(gate), up);
}

/** Names of the cache States of the attention at `prefix`. */
export function cacheNames(prefix: string): { readonly key: string; readonly value: string } {
  return { key: `cache.${prefix}.key`, value: `cache.${prefix}.value` };
}

/** The cache States of the attention at `prefix`; none where it has no heads. */
export function cacheSpecs({ headDim }: BlockConfig, prefix: string, keyValueHeads: readonly number[], cross: boolean): CacheSpec[] {
  const heads = countHeads(keyValueHeads);
  return heads === 0 ? [] : Object.values(cacheNames(prefix)).map((name) => ({ name, heads, headDim, cross }));
}

/** Writes keys and values into the States of the attention at `prefix` from `starts` on; gives the whole caches. */
export function writeCaches(
  { scope, config }: BlockScope,
  prefix: string,
  fresh: KeyValue,
  at: { readonly starts: Value; readonly batch: Dim; readonly capacity: Dim; readonly heads: number },
): KeyValue {
  const names = cacheNames(prefix);
  const write = (part: "key" | "value"): Value => {
    const state = scope.tracer.state(names[part], "f32", [at.batch, at.capacity, at.heads, config.headDim]);
    const written = cacheWrite(state, fresh[part], at.starts);
    scope.tracer.assign(state, written);
    return written;
  };
  return { key: write("key"), value: write("value") };
}

/** Deviation of a fresh matrix that keeps the size of what passes through; `branches` is how many add up to the residual stream. */
function spread(inputs: number, branches = 1): Initial {
  return { normal: 1 / Math.sqrt(inputs * branches) };
}

export function attentionWeights(blocks: Blocks, prefix: string, keyValueHeads: readonly number[], branches: number): WeightSpec[] {
  const { config, style } = blocks;
  const { hiddenSize, headDim } = config;
  const width = keyValueHeads.length * headDim;
  const keyValueWidth = countHeads(keyValueHeads) * headDim;
  if (width === 0) return biasWeights(style, `${prefix}.output`, hiddenSize);
  const headNorms = style.headNorms ? [normWeight(`${prefix}.query.norm`, headDim), normWeight(`${prefix}.key.norm`, headDim)] : [];
  return [
    ...normWeights(blocks, `${prefix}.norm`),
    // Where scores are not scaled, fresh queries are.
    ...linearWeights(style, `${prefix}.query`, [width, hiddenSize], spread(hiddenSize, style.scoreScale === 1 ? headDim : 1)),
    ...linearWeights(style, `${prefix}.key`, [keyValueWidth, hiddenSize], spread(hiddenSize)),
    ...linearWeights(style, `${prefix}.value`, [keyValueWidth, hiddenSize], spread(hiddenSize)),
    ...linearWeights(style, `${prefix}.output`, [hiddenSize, width], spread(width, branches)),
    ...headNorms,
  ];
}

export function feedForwardWeights(blocks: Blocks, prefix: string, neurons: number, branches: number): WeightSpec[] {
  const { config, style } = blocks;
  const { hiddenSize } = config;
  if (neurons === 0) return biasWeights(style, `${prefix}.down`, hiddenSize);
  return [
    ...normWeights(blocks, `${prefix}.norm`),
    ...(style.gated ? linearWeights(style, `${prefix}.gate`, [neurons, hiddenSize], spread(hiddenSize)) : []),
    ...linearWeights(style, `${prefix}.up`, [neurons, hiddenSize], spread(hiddenSize)),
    ...linearWeights(style, `${prefix}.down`, [hiddenSize, neurons], spread(neurons, branches)),
  ];
}

/** A matrix, and its bias where the style has one. */
export function linearWeights(style: BlockStyle, name: string, shape: readonly [number, number], initial: Initial): WeightSpec[] {
  return [{ name, shape, role: "linear", initial }, ...biasWeights(style, name, shape[0])];
}

function biasWeights(style: BlockStyle, name: string, width: number): WeightSpec[] {
  return hasBias(style, name) ? [{ name: `${name}.bias`, shape: [width], role: "bias", initial: "zeros" }] : [];
}

/** What the style's norm of this name has, over the hidden size. */
export function normWeights({ config, style }: Blocks, name: string): WeightSpec[] {
  const scale = normWeight(name, config.hiddenSize);
  return style.norm === "rms" ? [scale] : [scale, { name: `${name}.bias`, shape: [config.hiddenSize], role: "bias", initial: "zeros" }];
}

function normWeight(name: string, width: number): WeightSpec {
  return { name, shape: [width], role: "norm", initial: "ones" };
}

/** Rows of the token embedding, brought to the hidden size where they are narrower: `[batch, seq, hidden]`. */
export function embedTokens(scope: ModelScope, { embeddingSize }: Pick<BlockConfig, "embeddingSize">, tokens: Value): Value {
  const narrow = rows(scope.weight("embedding"), tokens);
  return embeddingSize === undefined ? narrow : projected(scope, "embedding.projection", narrow);
}

/** x·Wᵀ with the weight of this name; sites `<name>.input` and `<name>`. */
export function projected({ tracer, weight }: ModelScope, name: string, x: Value): Value {
  return tracer.site(name, linear(tracer.site(`${name}.input`, x), weight(name)));
}

/** The embedding, what projects it where it is narrower, and, where the logits do not come from it, the output matrix. */
export function vocabularyWeights({ vocabularySize, hiddenSize, embeddingSize, tied }: BlockConfig): WeightSpec[] {
  const initial = spread(hiddenSize);
  const linearWeight = (name: string, shape: readonly [number, number]): WeightSpec => ({
    name,
    shape,
    role: "linear",
    initial: spread(shape[1]),
  });
  const narrow = embeddingSize !== undefined;
  const width = embeddingSize ?? hiddenSize;
  return [
    { name: "embedding", shape: [vocabularySize, width], role: "rows", initial },
    ...(narrow ? [linearWeight("embedding.projection", [hiddenSize, width])] : []),
    ...(narrow && tied ? [linearWeight("output.projection", [width, hiddenSize])] : []),
    ...(tied ? [] : [linearWeight("output", [vocabularySize, hiddenSize])]),
  ];
}

/** Where {@link vocabularyWeights} stand. */
export function embeddingOf({ embeddingSize, tied }: BlockConfig): EmbeddingWeights {
  if (embeddingSize === undefined) return { table: "embedding" };
  return { table: "embedding", projection: "embedding.projection", ...(tied ? { output: "output.projection" } : {}) };
}

/** Norm by the weight `normName` and logits; sites `logits.input` and `logits`. */
export function logits(at: BlockScope, x: Value, normName: string): Value {
  const { tracer, weight } = at.scope;
  const { tied, embeddingSize } = at.config;
  const { logitScale = 1 } = at.style;
  const normed = norm(at, normName, x);
  const read = tied && embeddingSize !== undefined ? projected(at.scope, "output.projection", normed) : normed;
  const input = tracer.site("logits.input", logitScale === 1 ? read : mul(read, logitScale));
  return tracer.site("logits", linear(input, weight(tied ? "embedding" : "output")));
}
