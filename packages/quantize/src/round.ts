/** Affine rounding of one weight: the host-side arithmetic, without files or devices. */
import type { FloatRows } from "@pare/tensor-core";

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

/** The grids that a weight is rounded to. */
export interface Grids {
  /** `[1, 1]` per tensor, `[rows, 1]` per channel, `[rows, groups]` per group. */
  readonly scales: Float32Array;
  /** Shaped as `scales`; absent when symmetric. */
  readonly zeroPoints: Uint8Array | undefined;
  /** `scales` as `[scaleRows, groups]`. */
  readonly scaleShape: readonly [number, number];
  /** Columns per group; `columns` per tensor and per channel. */
  readonly groupSize: number;
}

export interface Rounded extends Grids {
  /** One unsigned code per byte, `[rows, columns]`: value = scale · (code − zero point). */
  readonly codes: Uint8Array;
}

/** Called with the first element that is NaN or infinite; must throw. */
export type OnNotFinite = (index: number, found: number) => never;

/**
 * Rounds to the nearest code: q = clamp(round(x / s) + z), ties to even, x̂ = s (q − z), with z an integer so that 0.0 is exact.
 *
 * Symmetric: s = max|x| / (2^(b−1) − 1), z = 2^(b−1). Asymmetric: the range is widened to hold 0,
 * s = (max − min) / (2^b − 1), z = round(−min / s). A group of zeros has scale 1 and zero codes.
 *
 * @param values `[rows, columns]` row-major.
 */
export function roundToNearest(
  values: Float32Array,
  rows: number,
  columns: number,
  options: RoundOptions,
  onNotFinite: OnNotFinite,
): Rounded {
  const block = { row: 0, values };
  const grids = measureGrids([block], rows, columns, options, onNotFinite);
  return { ...grids, codes: codesOf(block, columns, grids, options) };
}

/** The first half of {@link roundToNearest}: grids of a weight `[rows, columns]`, of which blocks may come in any order. */
export function measureGrids(
  blocks: Iterable<FloatRows>,
  rows: number,
  columns: number,
  { bits, symmetric, ...options }: RoundOptions,
  onNotFinite: OnNotFinite,
): Grids {
  const groupSize = options.granularity === "group" ? Math.min(options.groupSize, columns) : columns;
  const groups = Math.ceil(columns / groupSize);
  const scaleRows = options.granularity === "tensor" ? 1 : rows;
  const low = new Float32Array(scaleRows * groups);
  const high = new Float32Array(scaleRows * groups);
  for (const { row, values } of blocks) {
    for (let at = 0; at < values.length; at++) {
      const value = values[at];
      if (!Number.isFinite(value)) onNotFinite(row * columns + at, value);
    }
    eachGroup({ row, values }, columns, { scaleShape: [scaleRows, groups], groupSize }, (group, begin, end) => {
      for (let at = begin; at < end; at++) {
        if (values[at] < low[group]) low[group] = values[at];
        if (values[at] > high[group]) high[group] = values[at];
      }
    });
  }
  const grids = Array.from(low, (least, group) => gridOf(least, high[group], bits, symmetric));
  return {
    scales: Float32Array.from(grids, ({ scale }) => scale),
    zeroPoints: symmetric ? undefined : Uint8Array.from(grids, ({ zeroPoint }) => zeroPoint),
    scaleShape: [scaleRows, groups],
    groupSize,
  };
}

/** The second half: the codes of some rows, one per byte. */
export function codesOf(block: FloatRows, columns: number, grids: Grids, { bits }: Pick<RoundOptions, "bits">): Uint8Array {
  const { values } = block;
  const codes = new Uint8Array(values.length);
  eachGroup(block, columns, grids, (group, begin, end) => {
    const grid = { scale: grids.scales[group], zeroPoint: grids.zeroPoints?.[group] ?? 2 ** (bits - 1), top: 2 ** bits - 1 };
    for (let at = begin; at < end; at++) codes[at] = codeOf(values[at], grid);
  });
  return codes;
}

/** Which values of a block share a scale: the place of the scale, and of the values in the block. */
function eachGroup(
  { row, values }: FloatRows,
  columns: number,
  { scaleShape: [scaleRows, groups], groupSize }: Pick<Grids, "scaleShape" | "groupSize">,
  work: (group: number, begin: number, end: number) => void,
): void {
  for (let from = 0, at = row; from < values.length; from += columns, at++) {
    for (let group = 0; group < groups; group++) {
      const begin = from + group * groupSize;
      work((scaleRows === 1 ? 0 : at) * groups + group, begin, Math.min(begin + groupSize, from + columns));
    }
  }
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
