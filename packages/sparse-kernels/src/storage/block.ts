import { API_VERSION, type Named } from "@pare/core";
import type { HostTensor, StorageDefinition, StoredWeight } from "@pare/tensor-core";
import { blockUnsupported } from "../errors.ts";
import { linearBlock } from "../ops/linear-block.ts";
import { loadSparse, toSparse, type Layout } from "./sparse.ts";

/** Blocks of 4 outputs × 1 input are the one shape there are kernels for. */
export interface BlockShape {
  readonly rows: 4;
}

const BLOCK: Layout = {
  storage: "sparse/block",
  rows: 4,
  starts: "blockRowStarts",
  descriptor: { rows: 4 },
  candidate: (out, features, columns) => ({
    name: "sparse-block-linear",
    ops: ["linear-block"],
    lower: ({ x, bias }, part) =>
      linearBlock(
        { x, bias, values: part("values"), columns: part(columns), blockRowStarts: part("blockRowStarts") },
        { rows: 4, out, features, activation: "none" },
      ),
  }),
};

/**
 * Blocks of 4 outputs × 1 input: `values` f32 [4 n], the four of a block together, `columns` u16 [n] (i32 where `in` is above 65,536), block row after
 * block row with columns ascending, and `blockRowStarts` i32 [ceil(out / 4) + 1]. Where `out` is no multiple of 4 the
 * blocks of the last row are padded; what stands there is never read.
 */
export const blockStorage: Named<"storage", "sparse/block", StorageDefinition> = {
  kind: "storage",
  id: "sparse/block",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/sparse-kernels",
  define: { load: (weight, descriptor, parts) => loadSparse(BLOCK, weight, descriptor, parts) },
};

/**
 * Keeps the blocks of a dense `[out, in]` weight that `mask` keeps, without a mask those with an entry that is not 0.
 * Throws `sparse-kernels/mask-invalid`, also for a mask that prunes a part of a block, and `sparse-kernels/block-unsupported`.
 */
export function toBlock(dense: HostTensor, { rows }: BlockShape, mask?: HostTensor): StoredWeight {
  if (rows !== BLOCK.rows) throw blockUnsupported({ rows });
  return toSparse(BLOCK, dense, mask);
}
