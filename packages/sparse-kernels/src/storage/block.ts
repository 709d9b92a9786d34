import { API_VERSION, type Named } from "@pare/core";
import { storageInvalid, type HostTensor, type StorageDefinition, type StoredWeight } from "@pare/tensor-core";
import { blockUnsupported } from "../errors.ts";
import { linearBlock } from "../ops/linear-block.ts";
import { loadSparse, toSparse, type Layout } from "./sparse.ts";

/** Outputs and inputs that are kept or pruned together. */
export interface BlockShape {
  readonly rows: 4 | 8 | 16;
  /** Default 1. */
  readonly columns?: 1 | 2 | undefined;
}

/** Every shape there are kernels for. */
export const BLOCK_SHAPES: readonly { readonly rows: BlockShape["rows"]; readonly columns: 1 | 2 }[] = [
  { rows: 4, columns: 1 },
  { rows: 4, columns: 2 },
  { rows: 8, columns: 1 },
  { rows: 16, columns: 1 },
];

/** Throws `sparse-kernels/block-unsupported`. */
export function blockLayout(asked: BlockShape): Layout {
  const shape = BLOCK_SHAPES.find(({ rows, columns }) => rows === asked.rows && columns === (asked.columns ?? 1));
  if (shape === undefined) throw blockUnsupported({ shape: asked, known: BLOCK_SHAPES });
  const { rows, columns: width } = shape;
  return {
    storage: "sparse/block",
    rows,
    width,
    starts: "blockRowStarts",
    // Files of blocks with one column have always said their rows alone.
    descriptor: width === 1 ? { rows } : { rows, columns: width },
    candidate: (out, features, { values, columns }) => ({
      name: "sparse-block-linear",
      ops: ["linear-block"],
      lower: ({ x, bias }, part) =>
        linearBlock(
          { x, bias, values: part(values), columns: part(columns), blockRowStarts: part("blockRowStarts") },
          { rows, width, out, features, activation: "none" },
        ),
    }),
  };
}

/**
 * Blocks of `rows` outputs × `columns` inputs: `values` f32 [rows · columns · n], for each block input after input its outputs,
 * `columns` u16 [n] (i32 above 65,536 block columns), block row after block row with columns ascending, block column c being
 * the inputs from `c · columns` on, and `blockRowStarts` i32 [ceil(out / rows) + 1]. Where a block reaches past the last
 * output or input it is padded; what stands there is never read.
 */
export const blockStorage: Named<"storage", "sparse/block", StorageDefinition> = {
  kind: "storage",
  id: "sparse/block",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/sparse-kernels",
  define: {
    load: (weight, descriptor, parts) => {
      const { rows, columns = 1 } = descriptor;
      const known = BLOCK_SHAPES.some((shape) => shape.rows === rows && shape.columns === columns);
      if (!known) {
        const [field, found] = BLOCK_SHAPES.some((shape) => shape.rows === rows) ? ["columns", columns] : ["rows", rows];
        const expected = `blocks of ${BLOCK_SHAPES.map((shape) => `${shape.rows}×${shape.columns}`).join(", ")}`;
        throw storageInvalid({ weight, field: field as string, expected, found: JSON.stringify(found) ?? "nothing" });
      }
      return loadSparse(blockLayout({ rows, columns } as BlockShape), weight, descriptor, parts);
    },
  },
};

/**
 * Keeps the blocks of a dense `[out, in]` weight that `mask` keeps, without a mask those with an entry that is not 0.
 * Throws `sparse-kernels/mask-invalid`, also for a mask that prunes a part of a block, and `sparse-kernels/block-unsupported`.
 */
export function toBlock(dense: HostTensor, shape: BlockShape, mask?: HostTensor): StoredWeight {
  return toSparse(blockLayout(shape), dense, mask);
}
