import { rowsOp, scatterRowsOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

export const rowsKernels: readonly Kernel<WasmTypes>[] = [
  implement(rowsOp, (encoder, { weight, ids }, { y }) => {
    const [rows, width] = weight.shape as [number, number];
    encoder.divide({ size: ids.size, nanoseconds: 0.3 * y.size }, (begin, end) =>
      encoder.call("f32_rows", weight.address, ids.address + 4 * begin, y.address + 4 * begin * width, end - begin, rows, width),
    );
  }),
  implement(scatterRowsOp, (encoder, { grad, ids }, { y }) => {
    const [rows, width] = y.shape as [number, number];
    // Each thread goes through all ids and keeps those of its own rows, so that a row's sum keeps its order.
    encoder.divide({ size: rows, nanoseconds: 0.3 * (y.size + grad.size) }, (begin, end) =>
      encoder.call("f32_scatter_rows", grad.address, ids.address, y.address + 4 * begin * width, ids.size, begin, end - begin, width),
    );
  }),
];
