import { matmulOp, productShape, type Kernel, type ProductStrides } from "@pare/tensor-core";
import { implement, type WasmTensor, type WasmTypes } from "../types.ts";
import { encodeGemm, type Operand } from "./gemm.ts";

export const matmulKernel: Kernel<WasmTypes> = implement(matmulOp, (encoder, { a, b }, { y }, attrs) => {
  const { left, right, ...sizes } = productShape(a.shape, b.shape, attrs);
  encodeGemm(encoder, { ...sizes, c: y.address, epilogue: [0, 0, 0, 0], left: operandOf(a, left), right: operandOf(b, right) });
});

function operandOf({ address }: WasmTensor, [row, step, batch]: ProductStrides): Operand {
  return { address, row: 4 * row, step: 4 * step, batch: 4 * batch };
}
