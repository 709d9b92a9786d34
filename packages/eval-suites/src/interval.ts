/** Intervals of confidence for what suites measure. */

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Standard normal quantile of a two-sided 95 % interval. */
const Z = 1.959963984540054;

/**
 * 95 % interval of a proportion, by Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22:
 * (p̂ + z²/2n ± z·√(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n).
 */
export function wilson(successes: number, trials: number): Interval {
  if (trials === 0) return { low: 0, high: 1 };
  const p = successes / trials;
  const scale = 1 + (Z * Z) / trials;
  const middle = (p + (Z * Z) / (2 * trials)) / scale;
  const reach = (Z / scale) * Math.sqrt((p * (1 - p)) / trials + (Z * Z) / (4 * trials * trials));
  // At the ends the two terms cancel exactly, which floating point does not know.
  return { low: successes === 0 ? 0 : Math.max(0, middle - reach), high: successes === trials ? 1 : Math.min(1, middle + reach) };
}

/**
 * 95 % interval of a ratio of sums over independent pieces, Σ totals / Σ counts: the normal approximation with the linearised
 * variance of a ratio estimator (Cochran 1977, Sampling Techniques, eq. 6.9). Pieces, not tokens, are what varies independently.
 * One piece says nothing about its spread: undefined.
 */
export function ratioInterval(totals: readonly number[], counts: readonly number[]): Interval | undefined {
  const n = totals.length;
  if (n < 2) return undefined;
  const whole = counts.reduce((sum, count) => sum + count, 0);
  const ratio = totals.reduce((sum, total) => sum + total, 0) / whole;
  const squares = totals.reduce((sum, total, index) => sum + (total - ratio * counts[index]!) ** 2, 0);
  const reach = (Z * Math.sqrt((n / (n - 1)) * squares)) / whole;
  return { low: ratio - reach, high: ratio + reach };
}
