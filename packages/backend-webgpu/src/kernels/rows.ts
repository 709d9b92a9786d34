import { rowsOp, scatterRowsOp, type Kernel } from "@pare/tensor-core";
import { implement, type WebgpuTypes } from "../types.ts";
import { encodeElements, LANES } from "./elementwise.ts";

export const rowsKernels: readonly Kernel<WebgpuTypes>[] = [
  implement(rowsOp, (encoder, { weight, ids }, { y }) =>
    encodeElements(encoder, y.size, {
      kernel: "u32_rows",
      reads: { weight, ids },
      writes: { y },
      sizes: { width: weight.shape[1]! },
      body: "write_word_y(i, word_weight(word_ids(i / p.width) * p.width + i % p.width));",
    }),
  ),
  // A workgroup per position: the first that has an id adds up the rows of all positions that have it, in their order.
  implement(scatterRowsOp, (encoder, { grad, ids }, { y }) => {
    const width = y.shape[1]!;
    encodeElements(encoder, y.size, { kernel: "u32_zero", reads: {}, writes: { y }, body: "write_word_y(i, 0u);" });
    encoder.call({
      kernel: "f32_scatter_rows",
      reads: { grad, ids },
      writes: { y },
      sizes: { positions: ids.size, width },
      declare: "var<workgroup> earlier: atomic<u32>;",
      body: `let id = read_ids(group);
  if (id >= 0) {
    for (var other = lane; other < group; other += ${LANES}u) {
      if (read_ids(other) == id) { atomicStore(&earlier, 1u); }
    }
  }
  if (workgroupUniformLoad(&earlier) == 1u || id < 0) { return; }
  for (var column = lane; column < p.width; column += ${LANES}u) {
    var sum = 0.0;
    for (var other = group; other < p.positions; other++) {
      if (read_ids(other) == id) { sum += read_grad(other * p.width + column); }
    }
    write_y(u32(id) * p.width + column, sum);
  }`,
      lanes: LANES,
      groups: ids.size,
    });
  }),
];
