/** Scores of a linear weight `[out, in]` as keys (see `select.ts`), and the mask that a choice among them stands for. */
import { keyOf } from "./select.ts";

export type Pattern = "unstructured" | "4x1";

/** Outputs of a block. */
export const BLOCK_ROWS = 4 as const;

export interface Scored {
  /** One per unit (an element, or a block of up to 4 outputs × 1 input), row-major over `[unitRows, in]`. */
  readonly keys: Uint32Array;
  readonly unitRows: number;
}

/** Rows of units: the last block may have fewer than 4 outputs. */
export function unitRowsOf(pattern: Pattern, rows: number): number {
  return pattern === "4x1" ? Math.ceil(rows / BLOCK_ROWS) : rows;
}

/**
 * Magnitudes: |w|, or the L2 norm of a 4×1 block. A block counts as pruned when all of it is.
 *
 * @param mask u8 `[rows, columns]`, 0 where an earlier step pruned.
 */
export function scoreMagnitude(
  values: Float32Array,
  mask: Uint8Array | undefined,
  rows: number,
  columns: number,
  pattern: Pattern,
): Scored {
  const unitRows = unitRowsOf(pattern, rows);
  const height = pattern === "4x1" ? BLOCK_ROWS : 1;
  const keys = new Uint32Array(unitRows * columns);
  for (let unitRow = 0; unitRow < unitRows; unitRow++) {
    const last = Math.min(rows, (unitRow + 1) * height);
    for (let column = 0; column < columns; column++) {
      let squares = 0;
      let kept = false;
      for (let row = unitRow * height; row < last; row++) {
        const at = row * columns + column;
        squares += values[at] * values[at];
        kept ||= mask === undefined || mask[at] !== 0;
      }
      keys[unitRow * columns + column] = keyOf(Math.sqrt(squares), kept);
    }
  }
  return { keys, unitRows };
}

/** The mask u8 `[rows, columns]` of the units kept; what an earlier step pruned stays pruned. */
export function expandMask(kept: Uint8Array, mask: Uint8Array | undefined, rows: number, columns: number, pattern: Pattern): Uint8Array {
  const height = pattern === "4x1" ? BLOCK_ROWS : 1;
  const out = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const from = Math.floor(row / height) * columns;
    for (let column = 0; column < columns; column++) {
      const at = row * columns + column;
      out[at] = kept[from + column] !== 0 && (mask === undefined || mask[at] !== 0) ? 1 : 0;
    }
  }
  return out;
}
