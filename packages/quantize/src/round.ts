/** Affine rounding of one weight: the host-side arithmetic, without files or devices. */

export type Granularity = "tensor" | "channel" | "group";

export interface RoundOptions {
  /** 2–8. */
  readonly bits: number;
  /** true: the zero point is the middle code 2^(bits−1) everywhere, and none is stored. */
  readonly symmetric: boolean;
  readonly granularity: Granularity;
  /** Columns that share a scale under granularity "group"; the last group of a row may be shorter. */
  readonly groupSize: number;
}

export interface Rounded {
  /** One unsigned code per byte, `[rows, columns]`: value = scale · (code − zero point). */
  readonly codes: Uint8Array;
  /** `[1, 1]` per tensor, `[rows, 1]` per channel, `[rows, groups]` per group. */
  readonly scales: Float32Array;
  /** Shaped as `scales`; absent when symmetric. */
  readonly zeroPoints: Uint8Array | undefined;
  /** `scales` as `[scaleRows, groups]`. */
  readonly scaleShape: readonly [number, number];
  /** Columns per group; `columns` per tensor and per channel. */
  readonly groupSize: number;
}

/**
 * Rounds to the nearest code: q = clamp(round(x / s) + z), ties to even, x̂ = s (q − z), with z an integer so that 0.0 is exact.
 *
 * Symmetric: s = max|x| / (2^(b−1) − 1), z = 2^(b−1). Asymmetric: the range is widened to hold 0,
 * s = (max − min) / (2^b − 1), z = round(−min / s). A group of zeros has scale 1 and zero codes.
 *
 * @param values `[rows, columns]` row-major.
 * @param onNotFinite called with the first element that is NaN or infinite; must throw.
 */
export function roundToNearest(
  values: Float32Array,
  rows: number,
  columns: number,
  options: RoundOptions,
  onNotFinite: (index: number, found: number) => never,
): Rounded {
  const groupSize = options.granularity === "group" ? Math.min(options.groupSize, columns) : columns;
  const groups = Math.ceil(columns / groupSize);
  const shared = options.granularity === "tensor";
  const count = shared ? 1 : rows * groups;
  const rounded: Rounded = {
    codes: new Uint8Array(rows * columns),
    scales: new Float32Array(count),
    zeroPoints: options.symmetric ? undefined : new Uint8Array(count),
    scaleShape: [shared ? 1 : rows, groups],
    groupSize,
  };
  const span = (group: number): readonly [number, number] => {
    if (shared) return [0, values.length];
    const begin = Math.floor(group / groups) * columns + (group % groups) * groupSize;
    return [begin, Math.min(begin + groupSize, (Math.floor(group / groups) + 1) * columns)];
  };
  for (let group = 0; group < count; group++) {
    const [begin, end] = span(group);
    roundGroup(values, begin, end, group, options, rounded, onNotFinite);
  }
  return rounded;
}

function roundGroup(
  values: Float32Array,
  begin: number,
  end: number,
  group: number,
  { bits, symmetric }: RoundOptions,
  out: Rounded,
  onNotFinite: (index: number, found: number) => never,
): void {
  let low = 0;
  let high = 0;
  for (let i = begin; i < end; i++) {
    const value = values[i];
    if (!Number.isFinite(value)) onNotFinite(i, value);
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const grid = gridOf(low, high, bits, symmetric);
  out.scales[group] = grid.scale;
  if (out.zeroPoints !== undefined) out.zeroPoints[group] = grid.zeroPoint;
  for (let i = begin; i < end; i++) out.codes[i] = codeOf(values[i], grid);
}

/** The numbers scale · (code − zeroPoint) for codes 0 … top. */
export interface Grid {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly top: number;
}

/** The grid for values of `[low, high]`, a range that holds 0. */
export function gridOf(low: number, high: number, bits: number, symmetric: boolean): Grid {
  const top = 2 ** bits - 1;
  const middle = 2 ** (bits - 1);
  const exact = symmetric ? Math.max(-low, high) / (middle - 1) : (high - low) / top;
  // What is stored is float32: rounding against any other scale would not be to the nearest.
  const scale = Math.fround(exact) || 1;
  return { scale, zeroPoint: symmetric ? middle : Math.min(top, Math.max(0, roundHalfEven(-low / scale))), top };
}

/** The nearest code. */
export function codeOf(value: number, { scale, zeroPoint, top }: Grid): number {
  return Math.min(top, Math.max(0, roundHalfEven(value / scale) + zeroPoint));
}

/** The nearest integer; of two equally near the even one (IEEE 754 roundTiesToEven, what numpy and torch do). */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const above = x - floor;
  if (above !== 0.5) return above < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
