import { linearOp, matmulOp, sizeOf, type Kernel } from "@pare/tensor-core";
import { implement, type WebgpuTypes } from "../types.ts";
import { dense, encodeProduct } from "./product.ts";

export const productKernels: readonly Kernel<WebgpuTypes>[] = [
  implement(linearOp, (encoder, { x, weight, bias, residual }, { y }, { activation }) => {
    const [n, k] = weight.shape as [number, number];
    encodeProduct(encoder, {
      name: "f32_linear",
      batch: 1,
      m: x.size / k,
      n,
      k,
      left: dense("left", x, [k, 1, 0]),
      right: dense("right", weight, [k, 1, 0]),
      c: y,
      epilogue: { bias, residual, activation },
    });
  }),
  implement(matmulOp, (encoder, { a, b }, { y }, { transposeA, transposeB }) => {
    const [m, n] = y.shape.slice(-2) as [number, number];
    const k = a.shape.at(transposeA ? -2 : -1)!;
    const lead = sizeOf(a.shape.slice(0, -2));
    const shared = b.shape.length === 2;
    // One b for all: rows of the whole batch follow each other, unless a is stored turned.
    const [batch, rows] = shared && !transposeA ? [1, lead * m] : [lead, m];
    encodeProduct(encoder, {
      name: "f32_matmul",
      batch,
      m: rows,
      n,
      k,
      left: dense("left", a, transposeA ? [1, m, m * k] : [k, 1, m * k]),
      right: dense("right", b, transposeB ? [k, 1, shared ? 0 : n * k] : [1, n, shared ? 0 : n * k]),
      c: y,
      epilogue: { activation: "none" },
    });
  }),
];
