/** Which attention heads go, given a score for each. */
import { tooManyHeads } from "./errors.ts";

/** Scores per head and group (an attention layer's site); the least important heads go first. */
export type HeadScores = ReadonlyMap<string, readonly number[]>;

export interface HeadChoice {
  /** Heads to remove from all groups together. */
  readonly count: number;
  /** The same number from every group; what cannot be divided goes where the scores are least, at most one more per group. */
  readonly even: boolean;
  /** By group, what earlier choices removed: with `even`, all of them together are to be even. */
  readonly gone?: Readonly<Record<string, number>> | undefined;
}

/**
 * The heads kept per group, ascending. Equal scores go in order of group and head. Every group keeps at least one head:
 * attention without any has no shape.
 *
 * @throws `prune/too-many-heads`
 */
export function chooseHeads(scores: HeadScores, { count, even, gone: before = {} }: HeadChoice): Record<string, readonly number[]> {
  const groups = [...scores].map(([site, values]) => ({ site, values, left: values.length }));
  const limit = groups.reduce((sum, { left }) => sum + left - 1, 0);
  if (count > limit) throw tooManyHeads({ asked: count, limit, found: groups.map(({ left }) => left) });
  const ranked = groups
    .flatMap((group, at) => group.values.map((score, head) => ({ group, at, head, score })))
    .sort((a, b) => a.score - b.score || a.at - b.at || a.head - b.head);
  const gone = new Map(groups.map(({ site }) => [site, new Set<number>()]));
  const remove = (total: number, perGroup: number): void => {
    let left = total;
    for (const { group, head } of ranked) {
      const removed = gone.get(group.site)!;
      if (left === 0) break;
      if (group.left === 1 || removed.size + (before[group.site] ?? 0) >= perGroup || removed.has(head)) continue;
      removed.add(head);
      group.left--;
      left--;
    }
    if (left > 0) throw tooManyHeads({ asked: count, limit: count - left, found: groups.map(({ values }) => values.length) });
  };
  if (even) {
    const earlier = groups.map(({ site }) => before[site] ?? 0);
    const each = Math.floor((count + earlier.reduce((sum, one) => sum + one, 0)) / groups.length);
    const first = earlier.reduce((sum, one) => sum + Math.max(0, each - one), 0);
    remove(first, each);
    remove(count - first, each + 1);
  } else remove(count, Infinity);
  return Object.fromEntries(
    groups.map(({ site, values }) => [site, values.map((_, head) => head).filter((head) => !gone.get(site)!.has(head))]),
  );
}

/** Each group's scores divided by their L2 norm, so that layers compare (Michel et al. 2019, section 3.2). All zero: left as they are. */
export function normaliseByLayer(scores: HeadScores): HeadScores {
  return new Map(
    [...scores].map(([site, values]) => {
      const norm = Math.hypot(...values);
      return [site, norm === 0 ? values : values.map((value) => value / norm)];
    }),
  );
}
