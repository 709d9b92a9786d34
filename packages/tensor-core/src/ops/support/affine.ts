/** What the ops on affine codes share: value = scale·(code − zeroPoint), codes unsigned, one scale per group of columns. */
import { subDims, type Dim } from "../../dim.ts";
import type { HostTensor, TensorType } from "../../host.ts";
import { expectDType, expectRank, expectShape, expectThat } from "./check.ts";
import { sampler } from "./cases.ts";
import { make, type NumberArray, type OwnTensor } from "./host.ts";

export interface AffineAttrs {
  /** 4: two codes a byte, the even column in the low half; 8: one. */
  readonly bits: 4 | 8;
  /** Columns of the weight. */
  readonly features: number;
  /** Columns that share a scale; `features` for one scale per row, or per tensor when the scales are `[1, 1]`. */
  readonly groupSize: number;
}

export interface AffineTensors<T> {
  /** u8 `[out, features·bits / 8]`, rows padded to bytes. */
  readonly codes: T;
  /** f32 `[out, groups]` or `[1, 1]`. */
  readonly scales: T;
  /** u8, shaped as the scales; absent: 2^(bits−1). */
  readonly zeroPoints?: T | undefined;
}

/** Throws `tensor-core/shape-mismatch`; gives the number of rows. */
export function expectAffine(
  op: string,
  { codes, scales, zeroPoints }: AffineTensors<TensorType>,
  { bits, features, groupSize }: AffineAttrs,
): Dim {
  expectThat(bits === 4 || bits === 8, op, "bits", "4 or 8", String(bits));
  expectThat(
    Number.isInteger(groupSize) && groupSize >= 1 && groupSize <= features,
    op,
    "groupSize",
    `1 to ${features}`,
    String(groupSize),
  );
  expectDType(op, "codes", codes, "u8");
  expectRank(op, "codes", codes, 2);
  const rows = codes.shape[0]!;
  expectShape(op, "codes", codes, [rows, Math.ceil((features * bits) / 8)]);
  expectDType(op, "scales", scales, "f32", "f64");
  const groups = Math.ceil(features / groupSize);
  const single = groups === 1 && subDims(scales.shape[0] ?? 0, 1) === 0;
  expectShape(op, "scales", scales, [single ? 1 : rows, groups]);
  if (zeroPoints !== undefined) {
    expectDType(op, "zeroPoints", zeroPoints, "u8");
    expectShape(op, "zeroPoints", zeroPoints, scales.shape);
  }
  return rows;
}

/** Row `row` of the weight as numbers. */
export function dequantizeRow(tensors: AffineTensors<HostTensor>, { bits, features, groupSize }: AffineAttrs, row: number): Float64Array {
  const codes = tensors.codes.data as Uint8Array;
  const rowBytes = tensors.codes.shape[1]!;
  const scales = tensors.scales.data as NumberArray;
  const zeroPoints = tensors.zeroPoints?.data as Uint8Array | undefined;
  const groups = tensors.scales.shape[1]!;
  const first = tensors.scales.shape[0] === 1 ? 0 : row * groups;
  return Float64Array.from({ length: features }, (_, column) => {
    const byte = codes[row * rowBytes + (bits === 8 ? column : column >> 1)]!;
    const code = bits === 8 ? byte : column % 2 === 0 ? byte & 15 : byte >> 4;
    const at = first + Math.floor(column / groupSize);
    return scales[at]! * (code - (zeroPoints?.[at] ?? 2 ** (bits - 1)));
  });
}

/** The whole weight, of the dtype of its scales. */
export function dequantize(tensors: AffineTensors<HostTensor>, attrs: AffineAttrs): OwnTensor {
  const rows = tensors.codes.shape[0]!;
  const y = make(tensors.scales.dtype, [rows, attrs.features]);
  for (let row = 0; row < rows; row++) y.data.set(dequantizeRow(tensors, attrs, row), row * attrs.features);
  return y;
}

/** Codes of every width, granularity and zero point over odd sizes: `[rows, features]` each. */
export function* affineSamples(): Generator<{ name: string; tensors: AffineTensors<HostTensor>; attrs: AffineAttrs; rows: number }> {
  const sizes: [number, number, number][] = [
    [1, 1, 1],
    [3, 5, 5],
    [4, 8, 4],
    [5, 9, 4],
    [7, 16, 16],
    [8, 17, 8],
    [9, 33, 32],
    [16, 64, 32],
    [17, 15, 15],
    [33, 70, 32],
    [131, 517, 32],
    [66, 1024, 128],
  ];
  for (const bits of [8, 4] as const) {
    for (const [rows, features, groupSize] of sizes) {
      for (const kind of ["symmetric", "zero points", "per tensor"] as const) {
        if (kind === "per tensor" && groupSize !== features) continue;
        const name = `int${bits} [${rows},${features}] groups of ${groupSize}, ${kind}`;
        const { u8, f32 } = sampler(name);
        const shape = kind === "per tensor" ? [1, 1] : [rows, Math.ceil(features / groupSize)];
        const codes = u8([rows, Math.ceil((features * bits) / 8)]);
        const zeroPoints = kind === "zero points" ? { zeroPoints: u8(shape, 2 ** bits) } : {};
        yield { name, tensors: { codes, scales: f32(shape, 0.001, 0.02), ...zeroPoints }, attrs: { bits, features, groupSize }, rows };
      }
    }
  }
}
