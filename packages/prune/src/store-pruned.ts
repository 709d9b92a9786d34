/** The form in which a pruned weight leaves. */
import { toBlock, toCsr } from "@pare/sparse-kernels";
import { denseOf, type HostTensor, type StoredWeight } from "@pare/tensor-core";
import { BLOCK_ROWS, unitRowsOf, type Pattern } from "./score.ts";

/** "auto": whichever is smaller. */
export type PrunedStorage = "auto" | "dense" | "sparse";

/**
 * A pruned weight `[out, in]`: dense beside its mask (5 bytes per entry), or sparse (CSR; blocks of 4 outputs × 1 input).
 *
 * @param values f32, 0 where `mask` (u8, same shape) is 0.
 */
export function storePruned(values: HostTensor, mask: HostTensor, pattern: Pattern, storage: PrunedStorage): StoredWeight {
  if (storage === "dense" || (storage === "auto" && sparseBytes(mask, pattern) >= 5 * values.data.length)) return denseOf(values, mask);
  return pattern === "4x1" ? toBlock(values, { rows: BLOCK_ROWS }, mask) : toCsr(values, mask);
}

/** Whether every 4×1 block is kept or pruned whole: an earlier, unstructured step may have taken a part of one. */
export function wholeBlocks({ shape, data }: HostTensor): boolean {
  const [rows, columns] = shape;
  for (let row = 0; row < rows; row++) {
    const first = row - (row % BLOCK_ROWS);
    for (let column = 0; column < columns; column++) if (data[row * columns + column] !== data[first * columns + column]) return false;
  }
  return true;
}

function sparseBytes({ shape, data }: HostTensor, pattern: Pattern): number {
  const height = pattern === "4x1" ? BLOCK_ROWS : 1;
  const [rows, columns] = shape;
  let units = 0;
  for (let row = 0; row < rows; row += height) {
    for (let column = 0; column < columns; column++) if (data[row * columns + column] !== 0) units++;
  }
  return units * (4 * height + 4) + 4 * (unitRowsOf(pattern, rows) + 1);
}
