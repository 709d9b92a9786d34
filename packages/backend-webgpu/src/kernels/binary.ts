import {
  addOp,
  type BinaryOp,
  broadcastStrides,
  collapse,
  type CompareOp,
  divOp,
  equalOp,
  greaterOp,
  type Kernel,
  maximumOp,
  minimumOp,
  mulOp,
  selectOp,
  subOp,
} from "@pare/tensor-core";
import { implement, type WebgpuTensor, type WebgpuTypes } from "../types.ts";
import { encodeElements } from "./elementwise.ts";
import { walk } from "./strides.ts";

/** Formulas over f32 or i32. The larger of a NaN and a number is the NaN. */
const FORMULAS: readonly (readonly [BinaryOp<string> | CompareOp<string>, string])[] = [
  [addOp, "a + b"],
  [subOp, "a - b"],
  [mulOp, "a * b"],
  [divOp, "a / b"],
  [maximumOp, "select(a, b, b > a || b != b)"],
  [minimumOp, "select(a, b, b < a || b != b)"],
  [greaterOp, "select(0.0, 1.0, a > b)"],
  [equalOp, "select(0.0, 1.0, a == b)"],
];

export const binaryKernels: readonly Kernel<WebgpuTypes>[] = [
  ...FORMULAS.map(([op, formula]) =>
    implement(op, (encoder, { a, b }, { y }) =>
      encodeElements(encoder, y.size, {
        kernel: `${a.dtype}_${op.name}`,
        reads: { a, b },
        writes: { y },
        ...broadcast({ a, b }, y),
        body: `let a = read_a(at_a(i)); let b = read_b(at_b(i)); write_y(i, ${formula});`,
      }),
    ),
  ),
  implement(selectOp, (encoder, { condition, a, b }, { y }) =>
    encodeElements(encoder, y.size, {
      kernel: "f32_select",
      reads: { condition, a, b },
      writes: { y },
      ...broadcast({ condition, a, b }, y),
      body: "if (read_condition(at_condition(i)) != 0.0) { write_word_y(i, word_a(at_a(i))); } else { write_word_y(i, word_b(at_b(i))); }",
    }),
  ),
];

function broadcast(inputs: Readonly<Record<string, WebgpuTensor>>, y: WebgpuTensor): ReturnType<typeof walk> {
  const strides = Object.values(inputs).map(({ shape }) => broadcastStrides(shape, y.shape));
  return walk(collapse(y.shape, strides), Object.keys(inputs));
}
