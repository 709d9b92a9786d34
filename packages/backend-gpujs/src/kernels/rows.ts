/** Rows by id, and their adjoint. */
import { rowsOp, scatterRowsOp, type Kernel } from "@pare/tensor-core";
import { implement, type GpujsTypes } from "../types.ts";

const ROWS = {
  name: "f32_rows",
  parameters: { weight: "tensor", ids: "tensor", width: "integer" },
  body: "const line = quotient(i, width); return weight[Math.floor(ids[line] + 0.5) * width + i - line * width];",
} as const;

/** First position that has the id which is this element's index, or −1. */
const FIRST = {
  name: "f32_first_position",
  parameters: { ids: "tensor", count: "integer" },
  body: `let found = -1.0;
    for (let j = 0; j < count; j++) {
      if (Math.floor(ids[j] + 0.5) - i === 0) { found = j; break; }
    }
    return found;`,
} as const;

/** Next position with the same id, or −1. */
const NEXT = {
  name: "f32_next_position",
  parameters: { ids: "tensor", count: "integer" },
  body: `const id = ids[i];
    let found = -1.0;
    for (let j = i + 1; j < count; j++) {
      if (ids[j] === id) { found = j; break; }
    }
    return found;`,
} as const;

/** Sums along the chain of positions that share an id: no element looks at a position that is not its own. */
const SCATTER = {
  name: "f32_scatter_rows",
  parameters: { grad: "tensor", first: "tensor", next: "tensor", width: "integer", count: "integer" },
  body: `const row = quotient(i, width);
    const column = i - row * width;
    let position = first[row];
    let total = 0.0;
    for (let j = 0; j < count; j++) {
      if (position < 0.0) { break; }
      total += grad[Math.floor(position + 0.5) * width + column];
      position = next[Math.floor(position + 0.5)];
    }
    return total;`,
} as const;

export const rowsKernels: readonly Kernel<GpujsTypes>[] = [
  implement(rowsOp, (encoder, { weight, ids }, { y }) => encoder.pass(ROWS, y, { weight, ids, width: weight.shape[1]! })),
  implement(scatterRowsOp, (encoder, { grad, ids }, { y }) => {
    const [rows, width] = y.shape as [number, number];
    const count = ids.size;
    const [first, next] = [encoder.scratch([rows]), encoder.scratch([count])];
    encoder.pass(FIRST, first, { ids, count });
    encoder.pass(NEXT, next, { ids, count });
    encoder.pass(SCATTER, y, { grad, first, next, width, count });
  }),
];
