/** Optimal brain compression of a matrix, column by column: what GPTQ and SparseGPT share. */

export interface SweepOptions {
  /** `[rows, columns]`, changed in place: at the end it holds what `replace` gave. */
  readonly weights: Float64Array;
  readonly rows: number;
  readonly columns: number;
  /** The upper U with H⁻¹ = UᵀU, columns in the same order; see `inverseFactor`. */
  readonly factor: Float64Array;
  /** Columns whose updates to the columns after them are applied together. Changes nothing but rounding. */
  readonly block: number;
  /** Called before a block of columns `[from, to)`: they hold all updates of the columns before. */
  readonly open?: ((from: number, to: number) => void) | undefined;
  /** Called before a column, which like the rest of its block holds all updates of the columns before. */
  readonly enter?: ((column: number) => void) | undefined;
  /** What this weight becomes: its nearest code, or zero. */
  readonly replace: (row: number, column: number, value: number) => number;
}

/**
 * For each column i in order: e = (w_i − q_i) / U_ii, and the columns after it move by −e · U_i,j, which is what changes the layer's
 * outputs least (Hassibi and Stork 1993; Frantar et al. 2022, equations 2 and 3 with the Cholesky form of section 3.3, step 3).
 */
export function sweepColumns({ weights, rows, columns, factor, block, open, enter, replace }: SweepOptions): void {
  const errors = new Float64Array(rows * block);
  for (let from = 0; from < columns; from += block) {
    const to = Math.min(columns, from + block);
    open?.(from, to);
    for (let column = from; column < to; column++) {
      enter?.(column);
      const diagonal = factor[column * columns + column];
      for (let row = 0; row < rows; row++) {
        const at = row * columns;
        const value = weights[at + column];
        const replaced = replace(row, column, value);
        const error = (value - replaced) / diagonal;
        errors[row * block + column - from] = error;
        weights[at + column] = replaced;
        if (error === 0) continue;
        for (let j = column + 1; j < to; j++) weights[at + j] -= error * factor[column * columns + j];
      }
    }
    for (let row = 0; row < rows; row++) {
      const at = row * columns;
      for (let column = from; column < to; column++) {
        const error = errors[row * block + column - from];
        if (error === 0) continue;
        for (let j = to; j < columns; j++) weights[at + j] -= error * factor[column * columns + j];
      }
    }
  }
}
