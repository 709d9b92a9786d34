/** The parametric fit of Hoffmann et al. 2022 (section 3.3, appendix D.3), with the bootstrap of Besiroglu et al. 2024. */
import { createTurns } from "@pare/core";
import { z } from "zod";
import type { ChinchillaLaw, Observation } from "./chinchilla.ts";
import { resample } from "./bootstrap.ts";
import { notPositive, observationsTooFew, optionsInvalid, unidentifiable } from "./errors.ts";
import { lbfgs } from "./lbfgs.ts";
import { lawOf, logData, objective, type LogData } from "./objective.ts";

export interface FitOptions {
  /** δ of the Huber loss on log L; 1e-3. */
  readonly delta?: number | undefined;
  /** How many points of the grid, those of the lowest objective, are descended from; 100. */
  readonly starts?: number | undefined;
  /** Bootstrap draws the intervals come from; 1000. With 0 there are none. */
  readonly draws?: number | undefined;
  /** Coverage of the intervals; 0.95. */
  readonly level?: number | undefined;
  /** Of the bootstrap: same seed, same intervals; 0. */
  readonly seed?: number | undefined;
  /** Aborting it throws its reason between two descents. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Lower and upper end. */
export type Interval = readonly [low: number, high: number];

export interface ChinchillaFit {
  readonly fit: ChinchillaLaw & {
    /** Summed Huber loss at the minimum. */
    readonly objective: number;
  };
  /** Percentile intervals of the bootstrap; empty without draws. */
  readonly intervals: Partial<Readonly<Record<keyof ChinchillaLaw, Interval>>>;
  /** Standard deviations over the bootstrap draws; empty without draws. */
  readonly standardErrors: Partial<Readonly<Record<keyof ChinchillaLaw, number>>>;
  readonly bootstrap: { readonly draws: number; readonly level: number; readonly seed: number };
  /** Observations fitted. */
  readonly n: number;
}

const schema = z.object({
  delta: z.number().positive().default(1e-3),
  starts: z.int().min(1).max(4500).default(100),
  draws: z.int().min(0).max(1_000_000).default(1000),
  level: z.number().gt(0).lt(1).default(0.95),
  seed: z.int().min(0).default(0),
});

const CONSTANTS = ["E", "A", "B", "alpha", "beta"] as const;

/**
 * Fits {@link ChinchillaLaw} to training runs: the lowest summed Huber loss of log residuals that L-BFGS reaches from the best points
 * of the paper's grid, then the same over observations drawn with replacement, each descent starting from the first fit.
 *
 * Throws `scaling-laws/options-invalid`, `scaling-laws/observations-too-few`, `scaling-laws/not-positive`,
 * `scaling-laws/unidentifiable`, or the signal's reason.
 */
export async function fitChinchilla(observations: readonly Observation[], options: FitOptions = {}): Promise<ChinchillaFit> {
  const { delta, starts, draws, level, seed } = checked(options);
  checkObservations(observations);
  const data = logData(observations);
  const turn = turns(options, starts + draws);

  const fitted = objective(data, delta);
  let best = lbfgs(fitted, new Float64Array(5), { maxIterations: 0 });
  for (const start of bestStarts(data, delta, starts)) {
    await turn();
    const minimum = lbfgs(fitted, start, { maxIterations: 400 });
    if (minimum.value < best.value) best = minimum;
  }
  const samples: ChinchillaLaw[] = [];
  for (let draw = 0; draw < draws; draw++) {
    await turn();
    const weights = resample(observations.length, seed, draw);
    samples.push(lawOf(lbfgs(objective(data, delta, weights), best.x, { maxIterations: 400 }).x));
  }
  return {
    fit: { ...lawOf(best.x), objective: best.value },
    ...spread(samples, level),
    bootstrap: { draws, level, seed },
    n: observations.length,
  };
}

function checked(options: FitOptions): z.output<typeof schema> {
  const { signal: _signal, onProgress: _onProgress, ...numbers } = options;
  const result = schema.safeParse(numbers);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw optionsInvalid({ field: issue.path.join("."), expected: issue.message });
}

function checkObservations(observations: readonly Observation[]): void {
  if (observations.length <= CONSTANTS.length) {
    const why = `a law of ${CONSTANTS.length} constants needs more observations than constants`;
    throw observationsTooFew({ found: observations.length, needed: CONSTANTS.length + 1, why });
  }
  observations.forEach((observation, i) => {
    for (const field of ["params", "tokens", "loss"] as const) {
      const value = observation[field];
      if (!(value > 0 && Number.isFinite(value))) throw notPositive({ field: `observations[${i}].${field}`, found: String(value) });
    }
  });
  for (const field of ["params", "tokens", "loss"] as const) {
    const first = observations[0]![field];
    if (observations.every((observation) => observation[field] === first)) throw unidentifiable({ field, found: String(first) });
  }
}

/** The grid of Hoffmann et al. 2022, appendix D.3, and of it the `count` points with the lowest objective. */
function bestStarts(data: LogData, delta: number, count: number): Float64Array[] {
  const f = objective(data, delta);
  const gradient = new Float64Array(5);
  const grid: { x: Float64Array; value: number }[] = [];
  for (const a of [0, 5, 10, 15, 20, 25])
    for (const b of [0, 5, 10, 15, 20, 25])
      for (const e of [-1, -0.5, 0, 0.5, 1])
        for (const alpha of [0, 0.5, 1, 1.5, 2])
          for (const beta of [0, 0.5, 1, 1.5, 2]) {
            const x = Float64Array.of(a, b, e, alpha, beta);
            grid.push({ x, value: f(x, gradient) });
          }
  return grid
    .sort((p, q) => p.value - q.value)
    .slice(0, count)
    .map(({ x }) => x);
}

function spread(samples: readonly ChinchillaLaw[], level: number): Pick<ChinchillaFit, "intervals" | "standardErrors"> {
  if (samples.length === 0) return { intervals: {}, standardErrors: {} };
  const intervals: Partial<Record<keyof ChinchillaLaw, Interval>> = {};
  const standardErrors: Partial<Record<keyof ChinchillaLaw, number>> = {};
  for (const name of CONSTANTS) {
    const sorted = Float64Array.from(samples, (law) => law[name]).sort();
    intervals[name] = [quantile(sorted, (1 - level) / 2), quantile(sorted, (1 + level) / 2)];
    const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
    standardErrors[name] = Math.sqrt(sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, sorted.length - 1));
  }
  return { intervals, standardErrors };
}

/** Linear between the two order statistics around `p`. */
function quantile(sorted: Float64Array, p: number): number {
  const at = p * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (at - below) * (sorted[above]! - sorted[below]!);
}

/** Called before each descent: tells progress, gives the event loop a turn now and then, and throws once the signal is aborted. */
function turns({ signal, onProgress }: FitOptions, total: number): () => Promise<void> {
  const turn = createTurns();
  let done = 0;
  return async () => {
    onProgress?.(done++, total);
    await turn();
    signal?.throwIfAborted();
  };
}
