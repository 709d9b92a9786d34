/** Weights kept as affine codes of 8 or 4 bits: scale·(code − zeroPoint), made floats where they are read. */
import { dequantizeAffineOp, linearAffineOp, rowsAffineOp, type AffineAttrs, type Kernel } from "@pare/tensor-core";
import { implement, type WebgpuTensor, type WebgpuTypes } from "../types.ts";
import { encodeElements } from "./elementwise.ts";
import { dense, encodeProduct } from "./product.ts";

interface AffineTensors {
  readonly codes: WebgpuTensor;
  readonly scales: WebgpuTensor;
  readonly zeroPoints?: WebgpuTensor | undefined;
}

export interface Affine {
  readonly reads: Readonly<Record<string, WebgpuTensor | undefined>>;
  readonly sizes: Readonly<Record<string, number>>;
  /** Declares `scale_place(row, group)`, `zero_point(place)` and `weight_at(row, column)`. */
  readonly declare: string;
}

export function affine({ codes, scales, zeroPoints }: AffineTensors, { bits, groupSize }: AffineAttrs): Affine {
  const code =
    bits === 8
      ? "read_codes(row * p.row_bytes + column)"
      : "(read_codes(row * p.row_bytes + (column >> 1u)) >> (4u * (column & 1u))) & 15u";
  return {
    reads: { codes, scales, zero_points: zeroPoints },
    sizes: { row_bytes: codes.shape[1]!, group_size: groupSize, scale_step: scales.shape[0] === 1 ? 0 : scales.shape[1]! },
    declare: `fn scale_place(row: u32, group: u32) -> u32 { return row * p.scale_step + group; }
fn zero_point(place: u32) -> i32 { return ${zeroPoints === undefined ? `${2 ** (bits - 1)}` : "i32(read_zero_points(place))"}; }
fn weight_at(row: u32, column: u32) -> f32 {
  let place = scale_place(row, column / p.group_size);
  return read_scales(place) * f32(i32(${code}) - zero_point(place));
}`,
  };
}

export const affineKernels: readonly Kernel<WebgpuTypes>[] = [
  implement(linearAffineOp, (encoder, { x, bias, residual, ...weight }, { y }, { activation, ...attrs }) => {
    const { reads, sizes, declare } = affine(weight, attrs);
    encodeProduct(encoder, {
      name: `f32_linear_int${attrs.bits}`,
      batch: 1,
      m: x.size / attrs.features,
      n: weight.codes.shape[0]!,
      k: attrs.features,
      left: dense("left", x, [attrs.features, 1, 0]),
      right: {
        reads,
        sizes,
        declare: `${declare}\nfn right_at(row: u32, k: u32, batch: u32) -> f32 { return weight_at(row, k); }`,
        alongK: true,
      },
      c: y,
      epilogue: { bias, residual, activation },
    });
  }),
  implement(dequantizeAffineOp, (encoder, weight, { y }, attrs) => {
    const { reads, sizes, declare } = affine(weight, attrs);
    encodeElements(encoder, y.size, {
      kernel: `int${attrs.bits}_dequantize`,
      reads,
      writes: { y },
      sizes: { ...sizes, features: attrs.features },
      declare,
      body: "write_y(i, weight_at(i / p.features, i % p.features));",
    });
  }),
  implement(rowsAffineOp, (encoder, { ids, ...weight }, { y }, attrs) => {
    const { reads, sizes, declare } = affine(weight, attrs);
    encodeElements(encoder, y.size, {
      kernel: `int${attrs.bits}_rows`,
      reads: { ...reads, ids },
      writes: { y },
      sizes: { ...sizes, features: attrs.features },
      declare,
      body: "write_y(i, weight_at(word_ids(i / p.features), i % p.features));",
    });
  }),
];
