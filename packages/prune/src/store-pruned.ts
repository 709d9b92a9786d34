/** The form in which a pruned weight leaves. */
import { toBlock, toCsr } from "@pare/sparse-kernels";
import { denseOf, type HostTensor, type StoredWeight } from "@pare/tensor-core";
import { BLOCK_ROWS, type Pattern } from "./score.ts";

/** "auto": whichever is smaller. */
export type PrunedStorage = "auto" | "dense" | "sparse";

/**
 * A pruned weight `[out, in]`: dense beside its mask (a bit per entry), or sparse (CSR; blocks of 4 outputs × 1 input).
 *
 * @param values f32, 0 where `mask` (u8, same shape) is 0.
 */
export function storePruned(values: HostTensor, mask: HostTensor, pattern: Pattern, storage: PrunedStorage): StoredWeight {
  const dense = denseOf(values, mask);
  if (storage === "dense") return dense;
  const sparse = pattern === "4x1" ? toBlock(values, { rows: BLOCK_ROWS }, mask) : toCsr(values, mask);
  return storage === "sparse" || sparse.bytes < dense.bytes ? sparse : dense;
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
