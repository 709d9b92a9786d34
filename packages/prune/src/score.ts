/** Scores of a linear weight `[out, in]` as keys (see `select.ts`), and the mask that a choice among them stands for. */
import { BLOCK_SHAPES } from "@pare/sparse-kernels";
import { z } from "zod";
import { keyOf } from "./select.ts";

/** Single weights, or blocks of outputs × inputs that there are kernels for. */
export type Pattern = "unstructured" | "4x1" | "4x2" | "8x1" | "16x1";

/** For the schema of a stage. */
export const patternField: z.ZodType<Pattern, Pattern> = z.enum(["unstructured", "4x1", "4x2", "8x1", "16x1"]);

/** Outputs and inputs that are kept or pruned together. */
export interface Unit {
  readonly rows: number;
  readonly columns: number;
}

export type Block = (typeof BLOCK_SHAPES)[number];

/** The blocks of a pattern; undefined for single weights. */
export function blockOf(pattern: Pattern): Block | undefined {
  return BLOCK_SHAPES.find(({ rows, columns }) => pattern === `${rows}x${columns}`);
}

/** What a pattern keeps or prunes together. */
export function unitOf(pattern: Pattern): Unit {
  return blockOf(pattern) ?? { rows: 1, columns: 1 };
}

/** How many units a weight has; the last ones of a row or column may be smaller. */
export function unitsOf(pattern: Pattern, rows: number, columns: number): Unit {
  const unit = unitOf(pattern);
  return { rows: Math.ceil(rows / unit.rows), columns: Math.ceil(columns / unit.columns) };
}

/**
 * Magnitudes, one per unit, row-major over {@link unitsOf}: |w|, or the L2 norm of a block. A block counts as pruned when all of it is.
 *
 * @param mask u8 `[rows, columns]`, 0 where an earlier step pruned.
 */
export function scoreMagnitude(
  values: Float32Array,
  mask: Uint8Array | undefined,
  rows: number,
  columns: number,
  pattern: Pattern,
): Uint32Array {
  const unit = unitOf(pattern);
  const units = unitsOf(pattern, rows, columns);
  const keys = new Uint32Array(units.rows * units.columns);
  for (let unitRow = 0; unitRow < units.rows; unitRow++) {
    const last = Math.min(rows, (unitRow + 1) * unit.rows);
    for (let unitColumn = 0; unitColumn < units.columns; unitColumn++) {
      const right = Math.min(columns, (unitColumn + 1) * unit.columns);
      let squares = 0;
      let kept = false;
      for (let row = unitRow * unit.rows; row < last; row++) {
        for (let at = row * columns + unitColumn * unit.columns; at < row * columns + right; at++) {
          squares += values[at] * values[at];
          kept ||= mask === undefined || mask[at] !== 0;
        }
      }
      keys[unitRow * units.columns + unitColumn] = keyOf(Math.sqrt(squares), kept);
    }
  }
  return keys;
}

/** The mask u8 `[rows, columns]` of the units kept; what an earlier step pruned stays pruned. */
export function expandMask(kept: Uint8Array, mask: Uint8Array | undefined, rows: number, columns: number, pattern: Pattern): Uint8Array {
  const unit = unitOf(pattern);
  const units = unitsOf(pattern, rows, columns);
  const out = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const from = Math.floor(row / unit.rows) * units.columns;
    for (let column = 0; column < columns; column++) {
      const at = row * columns + column;
      out[at] = kept[from + Math.floor(column / unit.columns)] !== 0 && (mask === undefined || mask[at] !== 0) ? 1 : 0;
    }
  }
  return out;
}
