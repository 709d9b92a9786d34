import { dequantizeAffineOp, linearAffineOp, rowsAffineOp, type AffineAttrs, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTensor, type WasmTypes } from "../types.ts";
import { epilogueArguments } from "./epilogue.ts";
import { blocksFor } from "./gemm.ts";
import { DOT_ROWS } from "./linear.ts";

interface Parts {
  readonly codes: WasmTensor;
  readonly scales: WasmTensor;
  readonly zeroPoints?: WasmTensor | undefined;
}

export const affineKernels: readonly Kernel<WasmTypes>[] = [
  implement(dequantizeAffineOp, (encoder, parts, { y }, attrs) =>
    encoder.call("f32_dequantize_affine", ...weightArguments(parts, attrs), y.address, y.shape[0]!),
  ),
  implement(rowsAffineOp, (encoder, { ids, ...parts }, { y }, attrs) =>
    encoder.call("f32_rows_affine", ...weightArguments(parts, attrs), ids.address, y.address, ids.size, parts.codes.shape[0]!),
  ),
  implement(linearAffineOp, (encoder, { x, bias, residual, ...parts }, { y }, { activation, ...attrs }) => {
    const out = parts.codes.shape[0]!;
    const rows = x.size / attrs.features;
    const epilogue = epilogueArguments(bias, activation, residual);
    const common = [...weightArguments(parts, attrs), x.address, y.address, rows, out, ...epilogue];
    if (rows <= DOT_ROWS) encoder.call("f32_linear_affine_1x1", ...common);
    else {
      const { depth, streamRows, panelRows } = blocksFor(out, rows, attrs.features);
      const scratch = encoder.scratch(128 + 4 * depth * (panelRows + streamRows));
      encoder.call("f32_linear_affine_4x8", ...common, depth, streamRows, panelRows, scratch);
    }
  }),
];

/** The first eight arguments of every affine kernel. */
function weightArguments({ codes, scales, zeroPoints }: Parts, { bits, features, groupSize }: AffineAttrs): number[] {
  // One scale for the whole tensor serves every row.
  const groups = scales.size === 1 ? 0 : scales.shape[1]!;
  return [codes.address, codes.shape[1]!, scales.address, zeroPoints?.address ?? 0, groups, bits, groupSize, features];
}
