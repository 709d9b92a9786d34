/** One level of each group, so that enough is saved at the least cost. */

export interface Level {
  readonly share: number;
  readonly saves: number;
  readonly costs: number;
}

/** Sums of savings that are told apart. */
const BUCKETS = 10_000;

interface Choice {
  readonly saves: number;
  readonly costs: number;
  readonly level: Level;
  readonly before: Choice | undefined;
}

/**
 * The multiple-choice knapsack by dynamic programming (Frantar and Alistarh, "SPDY", 2022, section 3): group after group, of all choices
 * that save about as much the cheapest is kept. Savings are put into buckets but never rounded, so what is given does save `needed`.
 * undefined: no choice was found that does.
 */
export function solveAllocation(groups: readonly (readonly Level[])[], needed: number): readonly Level[] | undefined {
  const least = groups.reduce((sum, levels) => sum + Math.min(...levels.map(({ saves }) => saves)), 0);
  const most = groups.reduce((sum, levels) => sum + Math.max(...levels.map(({ saves }) => saves)), 0);
  if (most < needed) return undefined;
  if (groups.length === 0) return [];
  let choices: (Choice | undefined)[] = [undefined];
  let floor = 0;
  for (const levels of groups) {
    floor += Math.min(...levels.map(({ saves }) => saves));
    const next = new Map<number, Choice>();
    for (const before of choices) {
      for (const level of levels) {
        const saves = (before?.saves ?? 0) + level.saves;
        const costs = (before?.costs ?? 0) + level.costs;
        const bucket = most === least ? 0 : Math.floor(((saves - floor) / (most - least)) * BUCKETS);
        const known = next.get(bucket);
        if (known === undefined || costs < known.costs || (costs === known.costs && saves > known.saves))
          next.set(bucket, { saves, costs, level, before });
      }
    }
    choices = [...next.values()];
  }
  const enough = (choices as Choice[]).filter(({ saves }) => saves >= needed);
  if (enough.length === 0) return groups.map((levels) => levels.reduce((a, b) => (b.saves > a.saves ? b : a)));
  return unwind(enough.reduce((a, b) => (b.costs < a.costs ? b : a)));
}

function unwind(last: Choice): Level[] {
  const levels: Level[] = [];
  for (let at: Choice | undefined = last; at !== undefined; at = at.before) levels.unshift(at.level);
  return levels;
}
