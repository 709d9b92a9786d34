import { linearOp, matmulOp, productShape, type Kernel } from "@pare/tensor-core";
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
  implement(matmulOp, (encoder, { a, b }, { y }, attrs) => {
    const { left, right, ...sizes } = productShape(a.shape, b.shape, attrs);
    encodeProduct(encoder, {
      name: "f32_matmul",
      ...sizes,
      left: dense("left", a, left),
      right: dense("right", b, right),
      c: y,
      epilogue: { activation: "none" },
    });
  }),
];
