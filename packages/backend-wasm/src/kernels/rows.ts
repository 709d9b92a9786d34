import { rowsOp, scatterRowsOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

export const rowsKernels: readonly Kernel<WasmTypes>[] = [
  implement(rowsOp, (encoder, { weight, ids }, { y }) => {
    const [rows, width] = weight.shape as [number, number];
    encoder.call("f32_rows", weight.address, ids.address, y.address, ids.size, rows, width);
  }),
  implement(scatterRowsOp, (encoder, { grad, ids }, { y }) => {
    const [rows, width] = y.shape as [number, number];
    encoder.call("f32_scatter_rows", grad.address, ids.address, y.address, ids.size, rows, width);
  }),
];
