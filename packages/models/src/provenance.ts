import type { Deed, Provenance, SeenData } from "./checkpoint.ts";

/** A model that has seen nothing and that nothing was done to. */
export const FRESH: Provenance = { seen: [], deeds: [] };

/** The hashes of a data set's examples, sorted, without repeats. */
export function seenData(data: string, hashes: Iterable<bigint>): SeenData {
  const unique = BigUint64Array.from(new Set(hashes)).sort();
  return { data, examples: unique };
}

/** What a model knows after both; unknown if either is. Data sets of one id become one. */
export function mergeSeen(a: readonly SeenData[] | undefined, b: readonly SeenData[] | undefined): readonly SeenData[] | undefined {
  if (a === undefined || b === undefined) return undefined;
  const merged = new Map<string, SeenData>();
  for (const one of [...a, ...b]) {
    const known = merged.get(one.data);
    merged.set(one.data, known === undefined ? one : seenData(one.data, concatenate(known.examples, one.examples)));
  }
  return [...merged.values()].sort((x, y) => (x.data < y.data ? -1 : 1));
}

/** The provenance with one more deed at the end; as it is without one. */
export function withDeed(provenance: Provenance, deed: Deed | undefined): Provenance {
  return deed === undefined ? provenance : { ...provenance, deeds: [...provenance.deeds, deed] };
}

/** How many of these examples (by `exampleHash`) the model has seen; undefined: nobody knows. */
export function countSeen(provenance: Provenance, hashes: Iterable<bigint>): number | undefined {
  const { seen } = provenance;
  if (seen === undefined) return undefined;
  let count = 0;
  for (const hash of hashes) if (seen.some(({ examples }) => holds(examples, hash))) count++;
  return count;
}

function holds(sorted: BigUint64Array, hash: bigint): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < hash) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === hash;
}

function* concatenate(a: BigUint64Array, b: BigUint64Array): Iterable<bigint> {
  yield* a;
  yield* b;
}
