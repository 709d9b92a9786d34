import type { OnnxFlavour } from "../lowering.ts";
import { int4Initializers } from "../weights.ts";
import { codedRows, denseRows } from "./linear.ts";

const CONTRIB = { domain: "com.microsoft" };

/**
 * Weights in 4-bit blocks of 32 inputs (com.microsoft MatMulNBits, symmetric), arithmetic in f32. A weight that is stored in 4 bits keeps
 * its own groups and zero points. Tables stay f32, unless they are stored in 4 bits (GatherBlockQuantized) or 8 bits per row.
 */
export const onnxInt4: OnnxFlavour = {
  id: "int4",
  float: "f32",
  linear: (builder, { weight, stored, x }) => {
    const [N, K] = stored.shape as [number, number];
    const { codes, scales, zeroPoints, blockSize } = int4Initializers(builder, weight, stored);
    return builder.node("MatMulNBits", [x, codes, scales, zeroPoints], { K, N, bits: 4, block_size: blockSize }, CONTRIB);
  },
  rows: (builder, node) => (node.stored.storage === "affine" ? codedRows(builder, node) : denseRows(builder, node)),
};
