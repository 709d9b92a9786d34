/** How far tokens are from each other, and which of them see which: once for all layers of an XLNet. */
import {
  add,
  broadcast,
  cast,
  concat,
  equal,
  f32,
  greater,
  i32,
  maximum,
  minimum,
  mul,
  mulDims,
  pad,
  reshape,
  rope,
  slice,
  sub,
  subDims,
  type Dim,
  type Tracer,
  type Value,
} from "@pare/tensor-core";
import type { ForwardInputs } from "../../architecture.ts";
import { firstRow } from "../relative-buckets.ts";
import type { XlnetConfig } from "./config.ts";

/** Who sees whom, `[batch, …]` of queries (the segment's tokens) and keys (what is remembered, then the segment's tokens). */
export interface Sight {
  /** Sines and cosines of query − key, for each key − query from −keys to queries − 1 (Dai et al. 2019, section 3.3), f32 `[1, keys + queries, hidden]`. */
  readonly distances: Value;
  /** 1 where query and key are of different segments, `[batch, 1, queries, keys]`. */
  readonly apart: Value;
  /** 1 where a stream does not see a key that `lengths`, `starts` and `causal` show, `[batch or 1, 1, queries, keys]`; undefined: nowhere. */
  readonly hidden: Readonly<Record<Stream, Value | undefined>>;
  readonly lengths: Value | undefined;
  readonly starts: Value | undefined;
  readonly causal: boolean;
  /** i32 `[batch, queries]` and `[batch, keys]`, both from the first key on. */
  readonly places: { readonly query: Value; readonly key: Value };
}

/** content: what tokens are; query: what a token is guessed from, which is all it sees but itself. */
export type Stream = "content" | "query";

export function sightOf(tracer: Tracer, config: XlnetConfig, inputs: ForwardInputs): Sight {
  const { tokens, lengths, memory, permutation } = inputs;
  const [batch, queries] = tokens.shape as [Dim, Dim];
  const remembered = memory === undefined ? 0 : (memory.states[0]!.shape[1] as number);
  const own = firstRow(inputs.positions);
  const known = remembered === 0 ? own : concat([before(tracer, remembered), own], 1);
  const keys = known.shape[1]!;
  const [queryAt, keyAt] = [reshape(own, [1, 1, queries, 1]), reshape(known, [1, 1, 1, keys])];
  const entries = memory && reshape(memory.lengths, [batch, 1, 1, 1]);
  const causal = config.looks === "backward";
  const permuted = permutation?.hidden && reshape(pad(permutation.hidden, [0, 0, remembered], [0, 0, 0]), [batch, 1, queries, keys]);
  const hiding = [
    permuted,
    entries && greater(sub(0, entries), keyAt),
    causal && config.sameLength ? greater(sub(queryAt, keyAt), entries ?? 0) : undefined,
  ].filter((one) => one !== undefined);
  const query = hiding.length === 0 ? undefined : hiding.reduce((a, b) => maximum(a, b));
  const counted = (places: Value): Value => broadcast(add(places, remembered), [batch, places.shape[1]!]);
  return {
    distances: distancesOf(tracer, config, own, known),
    apart: apartOf(inputs, remembered),
    // A token is in its own content, whatever the order.
    hidden: { query, content: permuted === undefined ? query : mul(query!, sub(1, equal(queryAt, keyAt))) },
    lengths: lengths && (remembered === 0 ? lengths : add(lengths, remembered)),
    starts: causal && remembered > 0 ? broadcast(tracer.constant(i32([1], [remembered])), [batch]) : undefined,
    causal,
    places: remembered === 0 ? { query: inputs.positions, key: inputs.positions } : { query: counted(own), key: counted(known) },
  };
}

/** −count … −1, i32 `[1, count]`. */
function before(tracer: Tracer, count: number): Value {
  return tracer.constant(
    i32(
      [1, count],
      Array.from({ length: count }, (_, index) => index - count),
    ),
  );
}

function distancesOf(tracer: Tracer, { hiddenSize, maxDistance }: XlnetConfig, own: Value, known: Value): Value {
  const queries = own.shape[1]!;
  const last = slice(own, [0, subDims(queries, 1)], [1, queries]);
  let places = concat([sub(known, add(last, 1)), own], 1);
  if (maxDistance > 0) places = cast(minimum(maximum(cast(places, "f32"), -maxDistance), maxDistance), "i32");
  const count = places.shape[1]!;
  // Turned by key − query, (0 … 0 1 … 1) is sin(query − key) beside cos(query − key).
  const upright = Float32Array.from({ length: hiddenSize }, (_, index) => Number(index >= hiddenSize / 2));
  const vectors = broadcast(tracer.constant(f32([1, 1, 1, hiddenSize], upright)), [1, count, 1, hiddenSize]);
  return reshape(rope(vectors, places, { base: 10_000, pairing: "half" }), [1, count, hiddenSize]);
}

/** What is remembered counts to the first segment. */
function apartOf({ extra = {} }: ForwardInputs, remembered: number): Value {
  const types = extra["tokenTypes"]!;
  const [batch, queries] = types.shape as [Dim, Dim];
  const keys = pad(types, [0, remembered], [0, 0]);
  return sub(1, equal(reshape(types, [batch, 1, queries, 1]), reshape(keys, [batch, 1, 1, keys.shape[1]!])));
}

/**
 * By distance → by key: the scores `[batch, heads, queries, keys + queries]` of a query with every distance from −keys to queries − 1 become
 * those with its keys `[batch, heads, queries, keys]` (Dai et al. 2019, appendix B). Row i begins one place earlier than row i − 1: in
 * rows of one number less that is where it stands.
 */
export function byKey(scores: Value): Value {
  const [batch, heads, queries, width] = scores.shape as [Dim, Dim, Dim, Dim];
  const keys = subDims(width, queries);
  const all = mulDims(queries, width);
  const shifted = slice(reshape(scores, [batch, heads, all]), [0, 0, queries], [batch, heads, all]);
  return slice(reshape(shifted, [batch, heads, queries, subDims(width, 1)]), [0, 0, 0, 0], [batch, heads, queries, keys]);
}
