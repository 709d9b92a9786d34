/** A seeded sample of examples. */
import { fork, shuffled } from "@pare/tensor-core";

/** `count` of the items without repeats, in their own order; all of them when there are no more. The same seed and name give the same sample everywhere. */
export function sample<Item>(items: readonly Item[], count: number | undefined, seed: number, name: string): readonly Item[] {
  if (count === undefined || count >= items.length) return items;
  const chosen = shuffled(fork(seed, `sample/${name}`), 0, items.length)
    .slice(0, count)
    .sort();
  return Array.from(chosen, (index) => items[index]!);
}
