/** The parts that the architectures of this package share: pre-norm attention and SwiGLU branches, each under its sites. */
import { add, attention, cacheWrite, linear, reshape, rmsNorm, rope, siluMul, type Dim, type Value } from "@pare/tensor-core";
import type { CacheSpec, HeadGroup, Initial, ModelScope, NeuronGroup, WeightSpec } from "../architecture.ts";
import { attentionMap, type AttentionMapOptions } from "./attention-map.ts";
import { countHeads, type TransformerConfig } from "./config.ts";

/** Where a computation stands: its config, weights and tracer. */
export interface BlockScope {
  readonly scope: ModelScope;
  readonly config: TransformerConfig;
}

/** RMS norm with the weight of this name (Zhang and Sennrich 2019, eq. 4): x / √(mean x² + ε) · w. */
export function norm({ scope, config }: BlockScope, name: string, x: Value): Value {
  return rmsNorm(x, scope.weight(name), config.epsilon);
}

/** x·Wᵀ with the weight of this name; sites `<name>.input` and `<name>`. */
function project({ scope }: BlockScope, name: string, x: Value): Value {
  const input = scope.tracer.site(`${name}.input`, x);
  return scope.tracer.site(name, linear(input, scope.weight(name)));
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
  if (keyValueHeads.length === 0) return x;
  const normed = norm(at, `${prefix}.norm`, x);
  const fresh = keysAndValues(at, prefix, keyValueHeads, normed);
  const rotated = { key: rotate(at, fresh.key, positions), value: fresh.value };
  const query = rotate(at, queries(at, prefix, keyValueHeads, normed), positions);
  const shown = options.extend === undefined ? { query: positions, key: positions } : undefined;
  return attend(at, x, query, options.extend?.(rotated) ?? rotated, { ...options, positions: shown });
}

/** x + attention of x over the keys and values of another sequence. Sites as {@link selfAttention}. */
export function crossAttention(at: BlockScope, x: Value, { source, ...options }: Attend & { readonly source: () => KeyValue }): Value {
  const { prefix, keyValueHeads } = options;
  if (keyValueHeads.length === 0) return x;
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
  { prefix, keyValueHeads, causal, lengths, starts, positions }: Attend,
): Value {
  const { tracer } = at.scope;
  const { headDim } = at.config;
  const scale = 1 / Math.sqrt(headDim);
  const y = attention(query, key, value, { lengths, starts, scale, causal, keyValueHeads });
  if (positions !== undefined)
    tracer.observe(`${prefix}.weights`, () => attentionMap(query, key, { positions, lengths, scale, causal, keyValueHeads }));
  const heads = tracer.site(`${prefix}.heads`, y, [2]);
  const joined = reshape(heads, [x.shape[0]!, x.shape[1]!, keyValueHeads.length * headDim]);
  return add(x, tracer.site(prefix, project(at, `${prefix}.output`, joined)));
}

function splitHeads({ config }: BlockScope, x: Value, heads: number): Value {
  return reshape(x, [x.shape[0]!, x.shape[1]!, heads, config.headDim]);
}

/** Rotary positions (Su et al. 2021, eq. 34). */
function rotate({ config }: BlockScope, x: Value, positions: Value): Value {
  return rope(x, positions, { base: config.ropeBase, pairing: config.ropePairing });
}

/** x + SwiGLU of x (Shazeer 2020, eq. 6 without biases). Sites `<prefix>.neurons` (gate axis 2) and `<prefix>`. */
export function feedForward(at: BlockScope, x: Value, prefix: string, neurons: number): Value {
  if (neurons === 0) return x;
  const { tracer } = at.scope;
  const normed = norm(at, `${prefix}.norm`, x);
  const hidden = siluMul(project(at, `${prefix}.gate`, normed), project(at, `${prefix}.up`, normed));
  const gated = tracer.site(`${prefix}.neurons`, hidden, [2]);
  return add(x, tracer.site(prefix, project(at, `${prefix}.down`, gated)));
}

/** Names of the cache States of the attention at `prefix`. */
export function cacheNames(prefix: string): { readonly key: string; readonly value: string } {
  return { key: `cache.${prefix}.key`, value: `cache.${prefix}.value` };
}

/** The cache States of the attention at `prefix`; none where it has no heads. */
export function cacheSpecs({ headDim }: TransformerConfig, prefix: string, keyValueHeads: readonly number[], cross: boolean): CacheSpec[] {
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

export function attentionWeights(
  { hiddenSize, headDim }: TransformerConfig,
  prefix: string,
  keyValueHeads: readonly number[],
  branches: number,
): WeightSpec[] {
  const width = keyValueHeads.length * headDim;
  const keyValueWidth = countHeads(keyValueHeads) * headDim;
  if (width === 0) return [];
  return [
    normWeight(`${prefix}.norm`, hiddenSize),
    { name: `${prefix}.query`, shape: [width, hiddenSize], role: "linear", initial: spread(hiddenSize) },
    { name: `${prefix}.key`, shape: [keyValueWidth, hiddenSize], role: "linear", initial: spread(hiddenSize) },
    { name: `${prefix}.value`, shape: [keyValueWidth, hiddenSize], role: "linear", initial: spread(hiddenSize) },
    { name: `${prefix}.output`, shape: [hiddenSize, width], role: "linear", initial: spread(width, branches) },
  ];
}

export function feedForwardWeights({ hiddenSize }: TransformerConfig, prefix: string, neurons: number, branches: number): WeightSpec[] {
  if (neurons === 0) return [];
  return [
    normWeight(`${prefix}.norm`, hiddenSize),
    { name: `${prefix}.gate`, shape: [neurons, hiddenSize], role: "linear", initial: spread(hiddenSize) },
    { name: `${prefix}.up`, shape: [neurons, hiddenSize], role: "linear", initial: spread(hiddenSize) },
    { name: `${prefix}.down`, shape: [hiddenSize, neurons], role: "linear", initial: spread(neurons, branches) },
  ];
}

export function normWeight(name: string, width: number): WeightSpec {
  return { name, shape: [width], role: "norm", initial: "ones" };
}

/** The embedding and, where it is not tied to it, the output matrix. */
export function vocabularyWeights({ vocabularySize, hiddenSize, tied }: TransformerConfig): WeightSpec[] {
  const shape = [vocabularySize, hiddenSize];
  const initial = { normal: 1 / Math.sqrt(hiddenSize) };
  const embedding: WeightSpec = { name: "embedding", shape, role: "rows", initial };
  return tied ? [embedding] : [embedding, { name: "output", shape, role: "linear", initial }];
}

/** Norm by the weight `normName` and logits; sites `logits.input` and `logits`. */
export function logits(at: BlockScope, x: Value, normName: string): Value {
  const { tracer } = at.scope;
  const input = tracer.site("logits.input", norm(at, normName, x));
  return tracer.site("logits", linear(input, at.scope.weight(at.config.tied ? "embedding" : "output")));
}

/** The removable heads of the attention at `prefix`; none where it has none. */
export function headGroup({ headDim }: TransformerConfig, prefix: string, keyValueHeads: readonly number[]): HeadGroup[] {
  if (keyValueHeads.length === 0) return [];
  return [
    {
      site: `${prefix}.heads`,
      headDim,
      keyValueHeads,
      query: [`${prefix}.query`],
      keyValue: [`${prefix}.key`, `${prefix}.value`],
      output: [`${prefix}.output`],
    },
  ];
}

/** The removable neurons of the feed-forward part at `prefix`; none where it has none. */
export function neuronGroup(prefix: string, neurons: number): NeuronGroup[] {
  if (neurons === 0) return [];
  return [{ site: `${prefix}.neurons`, neurons, input: [`${prefix}.gate`, `${prefix}.up`], output: [`${prefix}.down`] }];
}
