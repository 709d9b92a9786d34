/** Biases by the distance between two positions (Raffel et al., "Exploring the limits of transfer learning", 2020, section 2.1). */
import { add, cast, concat, i32, maximum, minimum, reshape, rows, slice, sub, transpose, type Dim, type Value } from "@pare/tensor-core";
import type { ModelScope } from "../architecture.ts";
import type { LayerBias, Positions } from "./sequence-to-sequence.ts";

export interface Buckets {
  readonly buckets: number;
  /** Distances from here on share the last bucket. */
  readonly maxDistance: number;
  /** False: keys after the query share bucket 0. */
  readonly bothWays: boolean;
}

/**
 * The bucket of every key position − query position from −maxDistance to maxDistance. Half of the buckets of a direction are
 * distances, the others grow by a factor. In f32 step by step, since a rounding at a bucket's edge decides it.
 */
export function distanceBuckets({ buckets, maxDistance, bothWays }: Buckets): Int32Array {
  const count = bothWays ? buckets >> 1 : buckets;
  const exact = count >> 1;
  const { fround } = Math;
  const step = fround(Math.log(maxDistance / exact));
  const bucket = (distance: number): number => {
    if (distance < exact) return distance;
    const turns = fround(fround(fround(Math.log(fround(distance / exact))) / step) * (count - exact));
    return Math.min(exact + Math.trunc(turns), count - 1);
  };
  return Int32Array.from({ length: 2 * maxDistance + 1 }, (_, index) => {
    const apart = index - maxDistance;
    if (bothWays) return bucket(Math.abs(apart)) + (apart > 0 ? count : 0);
    return bucket(Math.max(-apart, 0));
  });
}

/** The bias of a stack's scores `[batch, heads, queries, keys]`, from the table `name` `[buckets, heads]`. */
export function bucketBias(
  { tracer, weight }: ModelScope,
  name: string,
  { query, key }: Positions,
  { buckets, heads }: { readonly buckets: Buckets; readonly heads: number },
): LayerBias {
  const { maxDistance } = buckets;
  const [batch, queries] = query.shape as [Dim, Dim];
  const keys = key.shape[1]!;
  const byDistance = rows(weight(name), tracer.constant(i32([2 * maxDistance + 1], distanceBuckets(buckets))));
  const apart = cast(sub(reshape(key, [batch, 1, keys]), reshape(query, [batch, queries, 1])), "f32");
  const place = add(cast(minimum(maximum(apart, -maxDistance), maxDistance), "i32"), maxDistance);
  const all = transpose(rows(byDistance, place), [0, 3, 1, 2]);
  return ({ keyValueHeads, positionHeads }) => {
    const own = positionHeads ?? keyValueHeads.map((_, head) => head);
    if (own.length === 0) return undefined;
    if (own.length === heads && own.every((head, index) => head === index)) return all;
    return concat(
      own.map((head) => slice(all, [0, head, 0, 0], [batch, head + 1, queries, keys])),
      1,
    );
  };
}

/** Positions that count alike in every row of a batch, of the first row alone. */
export function firstRow(positions: Value): Value {
  return slice(positions, [0, 0], [1, positions.shape[1]!]);
}
