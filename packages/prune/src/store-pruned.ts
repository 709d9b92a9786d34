/** The form in which a pruned weight leaves. */
import { toBlock, toCsr, toNOfM, type GroupShape } from "@pare/sparse-kernels";
import { denseOf, type HostTensor, type StoredWeight } from "@pare/tensor-core";
import { z } from "zod";
import type { Block } from "./score.ts";

/** "auto": whichever is smaller. */
export type PrunedStorage = "auto" | "dense" | "sparse";

/** For the schema of a stage that prunes single weights. */
export const storageField: z.ZodDefault<z.ZodEnum<{ auto: "auto"; dense: "dense"; sparse: "sparse" }>> = z
  .enum(["auto", "dense", "sparse"])
  .default("auto")
  .describe("form of the pruned weights");

/** What a mask was made by: blocks, N of M inputs, or single weights. */
export type MaskForm = Block | GroupShape | undefined;

/**
 * A pruned weight `[out, in]`: dense beside its mask (a bit per entry), or sparse (blocks or N of M where the whole mask is of that
 * form, CSR otherwise: an earlier step may have taken other weights).
 *
 * @param values f32, 0 where `mask` (u8, same shape) is 0.
 */
export function storePruned(values: HostTensor, mask: HostTensor, form: MaskForm, storage: PrunedStorage): StoredWeight {
  const dense = denseOf(values, mask);
  if (storage === "dense") return dense;
  const sparse = toSparse(values, mask, form);
  return storage === "sparse" || sparse.bytes < dense.bytes ? sparse : dense;
}

function toSparse(values: HostTensor, mask: HostTensor, form: MaskForm): StoredWeight {
  if (form !== undefined && "rows" in form && wholeBlocks(mask, form)) return toBlock(values, form, mask);
  if (form !== undefined && "m" in form && wholeGroups(mask, form)) return toNOfM(values, form, mask);
  return toCsr(values, mask);
}

function wholeBlocks({ shape, data }: HostTensor, block: Block): boolean {
  const [rows, columns] = shape;
  for (let row = 0; row < rows; row++) {
    const first = row - (row % block.rows);
    for (let column = 0; column < columns; column++) {
      if (data[row * columns + column] !== data[first * columns + column - (column % block.columns)]) return false;
    }
  }
  return true;
}

/** The storage of N of M keeps groups of up to 256, exactly N in each. */
function wholeGroups({ shape, data }: HostTensor, { n, m }: GroupShape): boolean {
  const [rows, columns] = shape;
  if (m > 256) return false;
  for (let row = 0; row < rows; row++) {
    for (let begin = 0; begin < columns; begin += m) {
      const end = Math.min(begin + m, columns);
      let kept = 0;
      for (let column = begin; column < end; column++) kept += Number(data[row * columns + column]);
      if (kept !== Math.min(n, end - begin)) return false;
    }
  }
  return true;
}
