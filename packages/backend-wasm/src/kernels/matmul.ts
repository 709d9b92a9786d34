import { matmulOp, sizeOf, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTensor, type WasmTypes } from "../types.ts";
import { encodeGemm, type Operand } from "./gemm.ts";

export const matmulKernel: Kernel<WasmTypes> = implement(matmulOp, (encoder, { a, b }, { y }, { transposeA, transposeB }) => {
  const [m, n] = y.shape.slice(-2) as [number, number];
  const k = a.shape.at(transposeA ? -2 : -1)!;
  const lead = sizeOf(a.shape.slice(0, -2));
  const shared = b.shape.length === 2;
  // One b for all: rows of the whole batch follow each other, unless a is stored turned.
  const [batch, rows] = shared && !transposeA ? [1, lead * m] : [lead, m];
  encodeGemm(encoder, {
    batch,
    m: rows,
    n,
    k,
    c: y.address,
    epilogue: [0, 0, 0, 0],
    left: operandOf(a, transposeA, 4 * m * k),
    right: operandOf(b, !transposeB, shared ? 0 : 4 * k * n),
  });
});

/** `turned`: the matrix lies with its product rows along the last axis, so k is the slow one. */
function operandOf({ address, shape }: WasmTensor, turned: boolean, batch: number): Operand {
  const stride = 4 * shape.at(-1)!;
  return turned ? { address, row: 4, step: stride, batch } : { address, row: stride, step: 4, batch };
}
