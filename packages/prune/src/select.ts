/** Which elements go: exact counts over unsigned keys, equal keys in order of index, so that a choice never depends on a sort. */

/** Everything with a key below `key` goes, and of those equal to it the first `ties`. */
export interface Threshold {
  readonly key: number;
  readonly ties: number;
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/**
 * A key that orders as the score does: 0 for what is pruned already (it goes first), else the bits of the float32 plus one.
 * Non-negative floats order as their bits do (IEEE 754).
 *
 * @param score not negative, not NaN.
 */
export function keyOf(score: number, kept: boolean): number {
  if (!kept) return 0;
  scratch[0] = score;
  return scratchBits[0] + 1;
}

/** A key that orders as a score of any sign does, never 0. Not for NaN. */
export function orderedKey(score: number): number {
  scratch[0] = score;
  const [bits] = scratchBits;
  return (bits & 0x80000000) === 0 ? (bits | 0x80000000) >>> 0 : ~bits >>> 0;
}

/** The threshold under which exactly `count` of the keys go. */
export function thresholdOf(keys: Uint32Array, count: number): Threshold {
  if (count === 0) return { key: 0, ties: 0 };
  const sorted = keys.slice().sort();
  const key = sorted[count - 1];
  let first = count - 1;
  while (first > 0 && sorted[first - 1] === key) first--;
  return { key, ties: count - first };
}

/**
 * The same over keys that do not fit in memory together: two passes, counting upper then lower halves.
 *
 * @param passes gives the same arrays in the same order each time it is called.
 */
export async function thresholdOver(passes: () => AsyncIterable<Uint32Array>, count: number): Promise<Threshold> {
  if (count === 0) return { key: 0, ties: 0 };
  const upper = new Float64Array(0x10000);
  for await (const keys of passes()) for (const key of keys) upper[key >>> 16]++;
  const high = fill(upper, count);
  const lower = new Float64Array(0x10000);
  for await (const keys of passes()) for (const key of keys) if (key >>> 16 === high.bin) lower[key & 0xffff]++;
  const low = fill(lower, high.left);
  return { key: high.bin * 0x10000 + low.bin, ties: low.left };
}

/** The bin in which the `count`-th element lies, and how many of that bin are wanted. */
function fill(bins: Float64Array, count: number): { readonly bin: number; readonly left: number } {
  let left = count;
  let bin = 0;
  while (left > bins[bin]) left -= bins[bin++];
  return { bin, left };
}

/** Applies a threshold to arrays one after another: 1 stays, 0 goes. */
export function selector({ key, ties }: Threshold): (keys: Uint32Array) => Uint8Array {
  let left = ties;
  return (keys) => {
    const kept = new Uint8Array(keys.length);
    for (let i = 0; i < keys.length; i++) kept[i] = keys[i] > key || (keys[i] === key && left-- <= 0) ? 1 : 0;
    return kept;
  };
}
