/** Matrix products: linear layers with their epilogue, and batches with any transpose. */
import { linearOp, matmulOp, productShape, type Activation, type Kernel } from "@pare/tensor-core";
import { implement, type AnyShader, type GpujsEncoder, type GpujsTensor, type GpujsTypes } from "../types.ts";
import { optional } from "./optional.ts";

/** Element (row, column) of y = Σ over k of a and b under strides, for each matrix of a batch. */
const MATMUL = {
  name: "f32_matmul",
  parameters: {
    a: "tensor",
    b: "tensor",
    rows: "integer",
    columns: "integer",
    depth: "integer",
    aBatch: "integer",
    aRow: "integer",
    aStep: "integer",
    bBatch: "integer",
    bStep: "integer",
    bColumn: "integer",
  },
  body: `const line = quotient(i, columns);
    const batch = quotient(line, rows);
    let aAt = batch * aBatch + (line - batch * rows) * aRow;
    let bAt = batch * bBatch + (i - line * columns) * bColumn;
    let total = 0.0;
    for (let k = 0; k < depth; k++) {
      total += a[aAt] * b[bAt];
      aAt = aAt + aStep;
      bAt = bAt + bStep;
    }
    return total;`,
} as const;

export interface LinearTensors {
  readonly x: GpujsTensor;
  readonly weight: GpujsTensor;
  readonly bias?: GpujsTensor | undefined;
  readonly residual?: GpujsTensor | undefined;
}

const ACTIVATED: Readonly<Record<Activation, string>> = {
  none: "total",
  relu: "activateRelu(total)",
  gelu: "activateGelu(total)",
  "gelu-tanh": "activateGeluTanh(total)",
  silu: "activateSilu(total)",
};

/** y `[…, out]` = activation(x·Wᵀ + bias) + residual for a weight `[out, in]`. */
export function encodeLinear(
  encoder: GpujsEncoder,
  { x, weight, bias, residual }: LinearTensors,
  y: GpujsTensor,
  activation: Activation,
): void {
  const [out, features] = weight.shape as [number, number];
  const { parameters, values, suffix } = optional({ bias, residual });
  const shader: AnyShader = {
    name: `f32_linear_${activation.replace("-", "_")}${suffix}`,
    parameters: { x: "tensor", weight: "tensor", ...parameters, out: "integer", features: "integer" },
    body: `const row = quotient(i, out);
      const column = i - row * out;
      let xAt = row * features;
      let at = column * features;
      let total = ${bias === undefined ? "0.0" : "bias[column]"};
      for (let k = 0; k < features; k++) {
        total += x[xAt] * weight[at];
        xAt = xAt + 1;
        at = at + 1;
      }
      return ${ACTIVATED[activation]}${residual === undefined ? "" : " + residual[i]"};`,
  };
  encoder.pass(shader, y, { x, weight, ...values, out, features });
}

export const matmulKernels: readonly Kernel<GpujsTypes>[] = [
  implement(linearOp, (encoder, inputs, { y }, { activation }) => encodeLinear(encoder, inputs, y, activation)),
  implement(matmulOp, (encoder, { a, b }, { y }, attrs) => {
    const { m: rows, n: columns, k: depth, left, right } = productShape(a.shape, b.shape, attrs);
    const [aRow, aStep, aBatch] = left;
    const [bColumn, bStep, bBatch] = right;
    encoder.pass(MATMUL, y, { a, b, rows, columns, depth, aBatch, aRow, aStep, bBatch, bStep, bColumn });
  }),
];
