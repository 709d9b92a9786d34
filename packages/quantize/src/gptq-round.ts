/** GPTQ on one matrix: the host-side arithmetic, without files or devices. */
import { inverseFactor, sweepColumns } from "@pare/training";
import { codeOf, gridOf, type Grid, type Rounded } from "./round.ts";

/** Columns whose updates are applied together, where no group says otherwise: what the paper uses. */
const BLOCK = 128;

export interface GptqRounding {
  /** 2–8. */
  readonly bits: number;
  /** true: the zero point is the middle code everywhere. */
  readonly symmetric: boolean;
  readonly granularity: "channel" | "group";
  /** Columns that share a scale under "group". */
  readonly groupSize: number;
  readonly activationOrder: boolean;
  readonly damping: number;
}

export interface GptqTask {
  /** `[rows, columns]` */
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
  /** 0 where the weight was pruned: it stays exactly 0. */
  readonly mask: Uint8Array | undefined;
  /** XᵀX of what the matrix reads, `[columns, columns]`. */
  readonly gram: Float32Array;
}

/**
 * Rounds column after column, and moves the columns not yet rounded so that the outputs change least (Frantar et al. 2022,
 * algorithm 1). Without activation order the scale of a group is taken when the sweep reaches it, from weights that hold all updates
 * before it. With it, columns go in falling order of H's diagonal, equal ones in order of index; the groups are still of neighbours,
 * so their scales are those of the weights as they were. Per channel the scale is that of the row as it was in both.
 *
 * Throws `training/not-positive-definite`.
 */
export function gptqRound({ values, rows, columns, mask, gram }: GptqTask, rounding: GptqRounding): Rounded {
  const { granularity, activationOrder, damping, symmetric } = rounding;
  const groupSize = granularity === "group" ? Math.min(rounding.groupSize, columns) : columns;
  const groups = Math.ceil(columns / groupSize);
  const order = activationOrder ? fallingDiagonal(gram, columns) : Array.from({ length: columns }, (_, column) => column);
  const weights = Float64Array.from({ length: rows * columns }, (_, at) => values[at - (at % columns) + order[at % columns]]);
  const grids: Grid[] = Array.from({ length: rows * groups });
  const codes = new Uint8Array(rows * columns);
  const measure = (source: ArrayLike<number>, group: number): void => {
    const [from, to] = [group * groupSize, Math.min(columns, (group + 1) * groupSize)];
    for (let row = 0; row < rows; row++) grids[row * groups + group] = gridFor(source, row * columns + from, row * columns + to, rounding);
  };
  const late = granularity === "group" && !activationOrder;
  if (!late) for (let group = 0; group < groups; group++) measure(values, group);
  sweepColumns({
    weights,
    rows,
    columns,
    factor: inverseFactor(activationOrder ? permuted(gram, columns, order) : gram, columns, damping),
    block: late ? groupSize : BLOCK,
    enter: (column) => late && column % groupSize === 0 && measure(weights, column / groupSize),
    replace: (row, position, value) => {
      const column = order[position];
      const grid = grids[row * groups + Math.floor(column / groupSize)];
      const at = row * columns + column;
      codes[at] = mask !== undefined && mask[at] === 0 ? grid.zeroPoint : codeOf(value, grid);
      return grid.scale * (codes[at] - grid.zeroPoint);
    },
  });
  return {
    codes,
    scales: Float32Array.from(grids, ({ scale }) => scale),
    zeroPoints: symmetric ? undefined : Uint8Array.from(grids, ({ zeroPoint }) => zeroPoint),
    scaleShape: [rows, groups],
    groupSize,
  };
}

/** The grid for the values `[begin, end)`. */
function gridFor(source: ArrayLike<number>, begin: number, end: number, { bits, symmetric }: GptqRounding): Grid {
  let low = 0;
  let high = 0;
  for (let at = begin; at < end; at++) {
    low = Math.min(low, source[at]);
    high = Math.max(high, source[at]);
  }
  return gridOf(low, high, bits, symmetric);
}

function fallingDiagonal(gram: Float32Array, size: number): number[] {
  return Array.from({ length: size }, (_, i) => i).sort((a, b) => gram[b * size + b] - gram[a * size + a] || a - b);
}

function permuted(gram: Float32Array, size: number, order: readonly number[]): Float32Array {
  return Float32Array.from({ length: size * size }, (_, at) => gram[order[Math.floor(at / size)] * size + order[at % size]]);
}
