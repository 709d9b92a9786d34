/** The layers that all heads of an XLNet stand on: hidden states `[batch, seq, hidden]`, or those of the query stream. */
import {
  add,
  attention,
  broadcast,
  concat,
  linear,
  matmul,
  mul,
  reshape,
  rows,
  select,
  sub,
  sum,
  transpose,
  type Dim,
  type Shape,
  type Value,
} from "@pare/tensor-core";
import type { ForwardInputs, ModelScope, WeightSpec } from "../../architecture.ts";
import { attentionMap } from "../attention-map.ts";
import { feedForward, feedForwardWeights } from "../bert/encoder.ts";
import { norm, normWeights, rowsWeight } from "../bert/parts.ts";
import { countHeads, type TransformerLayer } from "../config.ts";
import type { XlnetConfig } from "./config.ts";
import { byKey, sightOf, type Sight, type Stream } from "./sight.ts";

interface At {
  readonly scope: ModelScope;
  readonly config: XlnetConfig;
  readonly sight: Sight;
}

/** Where a layer of a stream stands. */
interface Place {
  readonly prefix: string;
  readonly stream: Stream;
  readonly layer: TransformerLayer;
  /** What both streams of the layer read. */
  readonly known: Known | undefined;
  /** Query stream: which token each of its states asks about, f32 `[batch, targets, seq]`; undefined: of each token one. */
  readonly targets?: Value | undefined;
}

/** Keys and values `[batch, keys, heads, headDim]`, and keys of the distances `[batch, heads, distances, headDim]`. */
interface Known {
  readonly key: Value;
  readonly value: Value;
  readonly distance: Value;
}

/** Below all scores: after softmax nothing is left. */
const NEVER = -1e30;

/**
 * Two streams through the same layers (Yang et al. 2019, section 2.3). Without `permutation.targets` there is the content stream alone, and
 * its states are given; else those of the query stream, `[batch, targets, hidden]`.
 *
 * Sites: as an encoder of BERT's kind has them; those inside a layer are passed by both streams. The query stream's states are at
 * `query.embedding` and `query.layers.<i>`, its attention at `query.layers.<i>.attention.weights`.
 */
export function encode(scope: ModelScope, config: XlnetConfig, inputs: ForwardInputs): Value {
  const { tracer, weight } = scope;
  const { memory, permutation } = inputs;
  const at = { scope, config, sight: sightOf(tracer, config, inputs) };
  const asks = permutation?.targets;
  const targets = asks === "each" ? undefined : asks;
  let content = tracer.site("embedding", rows(weight("embedding"), inputs.tokens));
  let query = asks && tracer.site("query.embedding", asked(at, (targets ?? inputs.tokens).shape));
  for (const [index, layer] of config.layers.entries()) {
    const prefix = `layers.${index}`;
    const read = memory === undefined ? content : concat([memory.states[index]!, content], 1);
    memory?.keep?.(index, read);
    const known = layer.keyValueHeads.length === 0 ? undefined : knownOf(at, prefix, layer, read);
    if (query !== undefined) query = tracer.site(`query.${prefix}`, block(at, { prefix, layer, known, stream: "query", targets }, query));
    content = tracer.site(prefix, block(at, { prefix, layer, known, stream: "content" }, content));
  }
  return query ?? content;
}

/** What a token's place says before anything is known of it: the same for all. */
function asked({ scope, config: { hiddenSize } }: At, [batch, count]: Shape): Value {
  return broadcast(reshape(scope.weight("embedding.query"), [1, 1, hiddenSize]), [batch!, count!, hiddenSize]);
}

function block(at: At, place: Place, x: Value): Value {
  const { prefix, layer } = place;
  const seen = norm(at, `${prefix}.attention.norm`, place.known === undefined ? x : add(x, attend(at, place, place.known, x)));
  return norm(at, `${prefix}.feedForward.norm`, add(seen, feedForward(at, `${prefix}.feedForward`, layer.feedForward, seen)));
}

/** x·Wᵀ; sites `<name>.input` and `<name>`. */
function project({ tracer, weight }: ModelScope, name: string, x: Value): Value {
  return tracer.site(name, linear(tracer.site(`${name}.input`, x), weight(name)));
}

function knownOf({ scope, config, sight }: At, prefix: string, { keyValueHeads }: TransformerLayer, read: Value): Known {
  const name = `${prefix}.attention`;
  const [batch, keys] = read.shape as [Dim, Dim];
  const [heads, groups] = [keyValueHeads.length, countHeads(keyValueHeads)];
  const split = (part: string): Value => reshape(project(scope, `${name}.${part}`, read), [batch, keys, groups, config.headDim]);
  const count = sight.distances.shape[1]!;
  const distance = reshape(linear(sight.distances, scope.weight(`${name}.position`)), [1, count, heads, config.headDim]);
  return {
    key: split("key"),
    value: split("value"),
    distance: broadcast(transpose(distance, [0, 2, 1, 3]), [batch, heads, count, config.headDim]),
  };
}

/**
 * softmax((q + u)·k + (q + v)·r + (q + w)·s) over content and distance (Dai et al. 2019, section 3.3) and segment (Yang et al. 2019, section 2.5) of the keys,
 * without the residual.
 */
function attend(at: At, place: Place, known: Known, x: Value): Value {
  const { scope, config, sight } = at;
  const { tracer, weight } = scope;
  const { headDim } = config;
  const { prefix, stream, targets, layer } = place;
  const name = `${prefix}.attention`;
  const { keyValueHeads } = layer;
  const heads = keyValueHeads.length;
  const [batch, asking] = x.shape as [Dim, Dim];
  const projected = project(scope, `${name}.query`, x);
  const flat = targets === undefined ? projected : matmul(targets, projected, { transposeA: true });
  const query = reshape(flat, [batch, flat.shape[1]!, heads, headDim]);
  const with_ = (part: string): Value => add(query, reshape(weight(`${name}.query.${part}`), [1, 1, heads, headDim]));
  const [scale, hidden] = [1 / Math.sqrt(headDim), sight.hidden[stream]];
  const scores = mul(add(byDistance(with_("position"), known), bySegment(at, name, with_("segment"))), scale);
  const bias = hidden === undefined ? scores : select(hidden, NEVER, scores);
  const options = { scale, causal: sight.causal, keyValueHeads, lengths: sight.lengths, bias };
  const content = with_("content");
  const shown = stream === "query" ? `query.${name}.weights` : `${name}.weights`;
  tracer.observe(shown, () => attentionMap(content, known.key, { ...options, positions: sight.places }));
  const mixed = attention(content, known.key, known.value, { ...options, starts: sight.starts });
  const rowsOf = (value: Value): Value => reshape(value, [batch, value.shape[1]!, heads * headDim]);
  const taken = targets === undefined ? mixed : reshape(matmul(targets, rowsOf(mixed)), [batch, asking, heads, headDim]);
  return tracer.site(name, project(scope, `${name}.output`, rowsOf(tracer.site(`${name}.heads`, taken, [2]))));
}

function byDistance(query: Value, { distance }: Known): Value {
  return byKey(matmul(transpose(query, [0, 2, 1, 3]), distance, { transposeB: true }));
}

/** What a key of another segment has before one of the same: the part that all keys share is nothing to softmax. */
function bySegment({ scope, config, sight }: At, name: string, query: Value): Value {
  const [batch, queries, heads] = query.shape as [Dim, Dim, Dim];
  const segment = (part: string): Value => scope.weight(`${name}.segment.${part}`);
  const difference = reshape(sub(segment("other"), segment("same")), [1, 1, heads, config.headDim]);
  const scores = transpose(sum(mul(query, difference), [-1]), [0, 2, 1]);
  return mul(reshape(scores, [batch, heads, queries, 1]), sight.apart);
}

/** Vectors that queries are added before they meet content, distances and segments: u, v and w of {@link attend}. */
const ADDED = ["content", "position", "segment"] as const;
const SEGMENTS = ["same", "other"] as const;

/** Deviation of fresh weights in XLNet's code. */
const SPREAD = { normal: 0.02 } as const;

export function encoderWeights(config: XlnetConfig): WeightSpec[] {
  const { vocabularySize, hiddenSize } = config;
  return [
    rowsWeight("embedding", vocabularySize, hiddenSize),
    { name: "embedding.query", shape: [hiddenSize], role: "bias", initial: SPREAD },
    ...config.layers.flatMap((layer, index) => layerWeights(config, `layers.${index}`, layer)),
  ];
}

function layerWeights(
  { hiddenSize, headDim }: XlnetConfig,
  prefix: string,
  { keyValueHeads, feedForward: neurons }: TransformerLayer,
): WeightSpec[] {
  const attentionAt = `${prefix}.attention`;
  const [width, keyValueWidth] = [keyValueHeads.length * headDim, countHeads(keyValueHeads) * headDim];
  const matrix = (part: string, out: number, inputs: number): WeightSpec => ({
    name: `${attentionAt}.${part}`,
    shape: [out, inputs],
    role: "linear",
    initial: SPREAD,
  });
  const vector = (part: string): WeightSpec => ({ name: `${attentionAt}.${part}`, shape: [width], role: "bias", initial: SPREAD });
  return [
    ...(width === 0
      ? []
      : [
          matrix("query", width, hiddenSize),
          matrix("key", keyValueWidth, hiddenSize),
          matrix("value", keyValueWidth, hiddenSize),
          matrix("output", hiddenSize, width),
          // It reads distances, the same whatever the text: there is nothing to calibrate it on, so it stays dense.
          { ...matrix("position", width, hiddenSize), role: "bias" as const },
          ...ADDED.map((part) => vector(`query.${part}`)),
          ...SEGMENTS.map((part) => vector(`segment.${part}`)),
        ]),
    ...normWeights(`${attentionAt}.norm`, hiddenSize),
    ...feedForwardWeights(`${prefix}.feedForward`, hiddenSize, neurons),
  ];
}
