import { API_VERSION, type Named } from "@pare/core";
import type { HostTensor, StorageDefinition, StoredWeight } from "@pare/tensor-core";
import { linearCsr } from "../ops/linear-csr.ts";
import { loadSparse, toSparse, type Layout } from "./sparse.ts";

/** Single weights, row after row. */
export const CSR: Layout = {
  storage: "sparse/csr",
  rows: 1,
  width: 1,
  starts: "rowStarts",
  descriptor: {},
  candidate: (out, features, { values, columns }) => ({
    name: "sparse-csr-linear",
    ops: ["linear-csr"],
    lower: ({ x, bias }, part) =>
      linearCsr(
        { x, bias, values: part(values), columns: part(columns), rowStarts: part("rowStarts") },
        { out, features, activation: "none" },
      ),
  }),
};

/**
 * Compressed sparse rows: `values` f32 [n] and `columns` u16 [n] (i32 where `in` is above 65,536), row after row with columns ascending, and `rowStarts`
 * i32 [out + 1].
 */
export const csrStorage: Named<"storage", "sparse/csr", StorageDefinition> = {
  kind: "storage",
  id: "sparse/csr",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/sparse-kernels",
  define: { load: (weight, descriptor, parts) => loadSparse(CSR, weight, descriptor, parts) },
};

/**
 * Keeps the entries of a dense `[out, in]` weight where `mask` is not 0, without a mask those that are not 0.
 * Throws `sparse-kernels/mask-invalid`.
 */
export function toCsr(dense: HostTensor, mask?: HostTensor): StoredWeight {
  return toSparse(CSR, dense, mask);
}
