import { dequantizeAffineOp, linearAffineInt8Op, linearAffineOp, rowsAffineOp, type AffineAttrs, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTensor, type WasmTypes } from "../types.ts";
import { epilogueArguments, epilogueFrom } from "./epilogue.ts";
import { blocksFor } from "./gemm.ts";
import { DOT_ROWS } from "./linear.ts";

interface Parts {
  readonly codes: WasmTensor;
  readonly scales: WasmTensor;
  readonly zeroPoints?: WasmTensor | undefined;
}

export const affineKernels: readonly Kernel<WasmTypes>[] = [
  implement(dequantizeAffineOp, (encoder, parts, { y }, attrs) =>
    encoder.divide({ size: y.shape[0]!, nanoseconds: y.size }, (begin, end) =>
      encoder.call("f32_dequantize_affine", ...weightArguments(parts, attrs, begin), y.address + 4 * begin * attrs.features, end - begin),
    ),
  ),
  implement(rowsAffineOp, (encoder, { ids, ...parts }, { y }, attrs) => {
    const weight = weightArguments(parts, attrs, 0);
    encoder.divide({ size: ids.size, nanoseconds: y.size }, (begin, end) => {
      const to = y.address + 4 * begin * attrs.features;
      encoder.call("f32_rows_affine", ...weight, ids.address + 4 * begin, to, end - begin, parts.codes.shape[0]!);
    });
  }),
  implement(linearAffineOp, (encoder, { x, bias, residual, ...parts }, { y }, { activation, ...attrs }) => {
    const out = parts.codes.shape[0]!;
    const rows = x.size / attrs.features;
    const epilogue = epilogueArguments(bias, activation, residual);
    encoder.divide({ size: out, grain: 4, nanoseconds: (out * x.size) / (rows <= DOT_ROWS ? 4 : 15) }, (begin, end) => {
      const count = end - begin;
      const places = [x.address, y.address + 4 * begin, 4 * out, rows, count];
      const common = [...weightArguments(parts, attrs, begin), ...places, ...epilogueFrom(epilogue, 4 * begin, 4 * begin)];
      if (rows <= DOT_ROWS) encoder.call("f32_linear_affine_1x1", ...common);
      else {
        const { depth, streamRows, panelRows } = blocksFor(count, rows, attrs.features);
        const scratch = encoder.scratch(128 + 4 * depth * (panelRows + streamRows));
        encoder.call("f32_linear_affine_4x8", ...common, depth, streamRows, panelRows, scratch);
      }
    });
  }),
  implement(linearAffineInt8Op, (encoder, { x, bias, residual, ...parts }, { y }, { activation, ...attrs }) => {
    const [out, { features }] = [parts.codes.shape[0]!, attrs];
    const rows = x.size / features;
    const epilogue = epilogueArguments(bias, activation, residual);
    const [q, scales] = [encoder.scratch(2 * x.size), encoder.scratch(4 * rows)];
    encoder.divide({ size: rows, nanoseconds: x.size }, (begin, end) => {
      const places = [x.address + 4 * begin * features, q + 2 * begin * features, scales + 4 * begin];
      encoder.call("f32_round_rows", ...places, end - begin, features);
    });
    encoder.divide({ size: out, grain: 4, nanoseconds: (out * x.size) / (rows <= DOT_ROWS ? 8 : 20) }, (begin, end) => {
      const places = [q, scales, y.address + 4 * begin, 4 * out, rows, end - begin, ...epilogueFrom(epilogue, 4 * begin, 4 * begin)];
      const common = [...weightArguments(parts, attrs, begin), ...places];
      if (rows <= DOT_ROWS) encoder.call("i16_linear_affine_1x1", ...common);
      else encoder.call("i16_linear_affine_2x4", ...common, encoder.scratch(8 * features));
    });
  }),
];

/** The first eight arguments of every affine kernel, for the rows from `first` on. */
function weightArguments({ codes, scales, zeroPoints }: Parts, { bits, features, groupSize }: AffineAttrs, first: number): number[] {
  // One scale for the whole tensor serves every row.
  const groups = scales.size === 1 ? 0 : scales.shape[1]!;
  const [rowBytes, at] = [codes.shape[1]!, first * groups];
  const zeros = zeroPoints === undefined ? 0 : zeroPoints.address + at;
  return [codes.address + first * rowBytes, rowBytes, scales.address + 4 * at, zeros, groups, bits, groupSize, features];
}
