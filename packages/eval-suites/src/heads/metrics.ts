/** Figures with their intervals, under the names that reports have. */
import { ratioInterval, wilson } from "../interval.ts";
import { sum, type Asked } from "./rows.ts";

/** Share of `correct` among `total`: the figure and its 95 % interval (Wilson). */
export function share(name: string, correct: number, total: number): Record<string, number> {
  const { low, high } = wilson(correct, total);
  return { [name]: correct / total, [`${name}Low`]: low, [`${name}High`]: high };
}

/** Σ totals / Σ counts over independent pieces: the figure, and its 95 % interval where there are several pieces. */
export function ratio(name: string, totals: readonly number[], counts: readonly number[]): Record<string, number> {
  const interval = ratioInterval(totals, counts);
  const bounds = interval === undefined ? {} : { [`${name}Low`]: interval.low, [`${name}High`]: interval.high };
  return { [name]: sum(totals) / sum(counts), ...bounds };
}

/** Accuracy and nll of what rows ask for token by token, with intervals over rows, for the tokens of a row do not vary alone. */
export function perToken(rows: readonly (readonly Asked[])[]): {
  readonly metrics: Record<string, number>;
  /** By row. */
  readonly correct: readonly number[];
  readonly counts: readonly number[];
} {
  const counts = rows.map(({ length }) => length);
  const correct = rows.map((row) => row.filter(({ best, target }) => best === target).length);
  const nll = rows.map((row) => sum(row.map((each) => each.nll)));
  return { metrics: { ...ratio("accuracy", correct, counts), ...ratio("nll", nll, counts) }, correct, counts };
}

/**
 * Matthews' correlation of classes found with classes meant, 0 for chance (Gorodkin 2004, "Comparing two K-category assignments", eq. 8);
 * 0 where all found, or all meant, are one class.
 */
export function matthews(found: readonly number[], meant: readonly number[], classes: number): number {
  const [foundOf, meantOf] = [new Float64Array(classes), new Float64Array(classes)];
  let correct = 0;
  for (const [index, one] of found.entries()) {
    foundOf[one]!++;
    meantOf[meant[index]!]!++;
    if (one === meant[index]) correct++;
  }
  const n = found.length;
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((total, value, k) => total + value * b[k]!, 0);
  const spread = Math.sqrt((n * n - dot(foundOf, foundOf)) * (n * n - dot(meantOf, meantOf)));
  return spread === 0 ? 0 : (n * correct - dot(foundOf, meantOf)) / spread;
}

/** Pearson's correlation; 0 where one side does not vary. */
export function pearson(x: readonly number[], y: readonly number[]): number {
  const [a, b] = [x, y].map((values) => values.map((value) => value - sum(values) / values.length)) as [number[], number[]];
  const dot = (p: readonly number[], q: readonly number[]): number => sum(p.map((value, index) => value * q[index]!));
  const spread = Math.sqrt(dot(a, a) * dot(b, b));
  return spread === 0 ? 0 : dot(a, b) / spread;
}
