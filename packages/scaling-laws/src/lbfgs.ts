/** Limited-memory BFGS with a strong-Wolfe line search: Nocedal & Wright, Numerical Optimization (2nd ed.), algorithms 7.4, 7.5, 3.5, 3.6. */

/** Writes the gradient at `x` into `gradient` and gives the value there. Must be finite at the start; elsewhere infinite values are stepped back from. */
export type Differentiable = (x: Float64Array, gradient: Float64Array) => number;

export interface LbfgsOptions {
  /** Pairs of steps and gradient changes that are remembered. */
  readonly memory?: number | undefined;
  readonly maxIterations?: number | undefined;
  /** Ends where no component of the gradient is larger than this. */
  readonly gradientTolerance?: number | undefined;
  /** Ends where an iteration lowers the value by less than this fraction of it. */
  readonly valueTolerance?: number | undefined;
}

export interface Minimum {
  readonly x: Float64Array;
  readonly value: number;
  readonly iterations: number;
  /** False: the iterations ran out before a tolerance was met. */
  readonly converged: boolean;
}

interface Point {
  readonly x: Float64Array;
  readonly value: number;
  readonly gradient: Float64Array;
}

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  /** 1 / (stepᵀ change). */
  readonly rho: number;
}

/** A local minimum of `f` reached from `start`, which is left as it is. */
export function lbfgs(f: Differentiable, start: Float64Array, options: LbfgsOptions = {}): Minimum {
  const { memory = 10, maxIterations = 200, gradientTolerance = 1e-9, valueTolerance = 1e-12 } = options;
  const pairs: Pair[] = [];
  let point = evaluate(f, start.slice());
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    if (largest(point.gradient) <= gradientTolerance) return { x: point.x, value: point.value, iterations: iteration, converged: true };
    const direction = descent(point.gradient, pairs);
    const firstStep = pairs.length === 0 ? Math.min(1, 1 / largest(point.gradient)) : 1;
    const next = search(f, point, direction, firstStep);
    if (next === undefined) {
      // A line along which nothing falls: forget the curvature and try steepest descent once; failing there is the end.
      if (pairs.length === 0) return { x: point.x, value: point.value, iterations: iteration, converged: true };
      pairs.length = 0;
      continue;
    }
    remember(pairs, point, next, memory);
    const fell = point.value - next.value;
    point = next;
    if (fell <= valueTolerance * Math.abs(point.value))
      return { x: point.x, value: point.value, iterations: iteration + 1, converged: true };
  }
  return { x: point.x, value: point.value, iterations: maxIterations, converged: false };
}

/** Two-loop recursion (algorithm 7.4): −H·gradient with the inverse Hessian that `pairs` stand for. */
function descent(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const direction = gradient.map((g) => -g);
  const alphas = pairs.map(() => 0);
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { step, change, rho } = pairs[i]!;
    alphas[i] = rho * dot(step, direction);
    addScaled(direction, change, -alphas[i]!);
  }
  const last = pairs.at(-1);
  if (last !== undefined) {
    const scale = 1 / (last.rho * dot(last.change, last.change));
    for (let j = 0; j < direction.length; j++) direction[j]! *= scale;
  }
  pairs.forEach(({ step, change, rho }, i) => addScaled(direction, step, alphas[i]! - rho * dot(change, direction)));
  return direction;
}

/** Keeps a pair only where its curvature is positive beyond rounding, so that the direction stays one of descent. */
function remember(pairs: Pair[], from: Point, to: Point, memory: number): void {
  const step = to.x.map((value, j) => value - from.x[j]!);
  const change = to.gradient.map((value, j) => value - from.gradient[j]!);
  const curvature = dot(step, change);
  if (!(curvature > 1e-14 * Math.sqrt(dot(step, step) * dot(change, change)))) return;
  if (pairs.length === memory) pairs.shift();
  pairs.push({ step, change, rho: 1 / curvature });
}

const SUFFICIENT_DECREASE = 1e-4;
const CURVATURE = 0.9;
const MAX_TRIALS = 30;

interface Trial extends Point {
  readonly t: number;
  readonly slope: number;
}

/** A point along `direction` that meets the strong Wolfe conditions (algorithm 3.5), or the lowest sufficient one met; undefined: none falls. */
function search(f: Differentiable, from: Point, direction: Float64Array, firstStep: number): Point | undefined {
  const slope = dot(from.gradient, direction);
  if (!(slope < 0)) return undefined;
  const start: Trial = { ...from, t: 0, slope };
  const at = (t: number): Trial => {
    const x = from.x.slice();
    addScaled(x, direction, t);
    const point = evaluate(f, x);
    return { ...point, t, slope: dot(point.gradient, direction) };
  };
  const tooHigh = (trial: Trial): boolean => !(trial.value <= from.value + SUFFICIENT_DECREASE * trial.t * slope);
  let previous = start;
  let t = firstStep;
  for (let i = 0; i < MAX_TRIALS; i++) {
    const trial = at(t);
    if (tooHigh(trial) || (i > 0 && trial.value >= previous.value)) return zoom(previous, trial);
    if (Math.abs(trial.slope) <= -CURVATURE * slope) return trial;
    if (trial.slope >= 0) return zoom(trial, previous);
    previous = trial;
    t *= 2;
  }
  return previous.t > 0 ? previous : undefined;

  /** Algorithm 3.6: `low` is the lowest sufficient point so far; the interval towards `high` holds one that meets both conditions. */
  function zoom(low: Trial, high: Trial): Point | undefined {
    for (let i = 0; i < MAX_TRIALS; i++) {
      const trial = at(between(low, high));
      if (tooHigh(trial) || trial.value >= low.value) high = trial;
      else {
        if (Math.abs(trial.slope) <= -CURVATURE * slope) return trial;
        if (trial.slope * (high.t - low.t) >= 0) high = low;
        low = trial;
      }
      if (Math.abs(high.t - low.t) <= Number.EPSILON * Math.max(high.t, low.t)) break;
    }
    return low.t > 0 ? low : undefined;
  }
}

/** Minimum of the cubic through both ends, kept a tenth away from them; the middle where the cubic has none. */
function between(low: Trial, high: Trial): number {
  const width = high.t - low.t;
  const d1 = low.slope + high.slope - (3 * (high.value - low.value)) / width;
  const d2 = Math.sign(width) * Math.sqrt(d1 * d1 - low.slope * high.slope);
  const cubic = high.t - (width * (high.slope + d2 - d1)) / (high.slope - low.slope + 2 * d2);
  if (!Number.isFinite(cubic)) return low.t + width / 2;
  const [a, b] = width > 0 ? [low.t, high.t] : [high.t, low.t];
  const margin = 0.1 * (b - a);
  return Math.min(b - margin, Math.max(a + margin, cubic));
}

function evaluate(f: Differentiable, x: Float64Array): Point {
  const gradient = new Float64Array(x.length);
  const value = f(x, gradient);
  return { x, value, gradient };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function addScaled(target: Float64Array, source: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i]! += factor * source[i]!;
}

function largest(values: Float64Array): number {
  return values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
}
