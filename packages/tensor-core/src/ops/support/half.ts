/** What the ops on weights of 16-bit floats share: rows of f16 or bf16, two bytes each, low byte first. */
import { fromBF16, fromF16 } from "../../dtype.ts";
import type { Dim } from "../../dim.ts";
import type { HostTensor, TensorType } from "../../host.ts";
import { expectDType, expectRank, expectShape, expectThat } from "./check.ts";
import { sampler } from "./cases.ts";

export type HalfFormat = "f16" | "bf16";

export interface HalfAttrs {
  readonly format: HalfFormat;
  /** Columns of the weight. */
  readonly features: number;
}

/** Throws `tensor-core/shape-mismatch`; gives the number of rows. */
export function expectHalves(op: string, halves: TensorType, { format, features }: HalfAttrs): Dim {
  expectThat(format === "f16" || format === "bf16", op, "format", "f16 or bf16", String(format));
  expectDType(op, "halves", halves, "u8");
  expectRank(op, "halves", halves, 2);
  const rows = halves.shape[0]!;
  expectShape(op, "halves", halves, [rows, 2 * features]);
  return rows;
}

/** Row `row` of the weight as numbers. */
export function halfRow({ data }: HostTensor, { format, features }: HalfAttrs, row: number): Float64Array {
  const bytes = data as Uint8Array;
  const from = format === "f16" ? fromF16 : fromBF16;
  return Float64Array.from({ length: features }, (_, column) => {
    const at = 2 * (row * features + column);
    return from(bytes[at]! | (bytes[at + 1]! << 8));
  });
}

/** The largest magnitude among numbers of f16. */
export function largestHalf(halves: Uint16Array): number {
  return fromF16(halves.reduce((largest, bits) => Math.max(largest, bits & 0x7fff), 0));
}

/** Both formats over odd sizes; among the numbers are zeros of both signs, and of f16 the smallest and the largest there are. */
export function* halfSamples(): Generator<{ name: string; halves: HostTensor; attrs: HalfAttrs; rows: number }> {
  const sizes: [number, number][] = [
    [1, 1],
    [3, 5],
    [4, 8],
    [5, 9],
    [7, 16],
    [9, 33],
    [17, 15],
    [131, 517],
    [66, 1024],
  ];
  for (const format of ["f16", "bf16"] as const) {
    for (const [rows, features] of sizes) {
      const name = `${format} [${rows},${features}]`;
      const bytes = sampler(name).u8([rows, 2 * features]).data as Uint8Array;
      // Exponents about that of 1, as weights have.
      for (let at = 1; at < bytes.length; at += 2)
        bytes[at] = (bytes[at]! & 0x80) | (format === "f16" ? 0x28 + (bytes[at]! % 20) : 0x3c + (bytes[at]! % 3));
      const special = format === "f16" ? [0x0001, 0x83ff, 0x0000, 0x8000, 0x7bff] : [0x0000, 0x8000];
      special.slice(0, rows * features - 1).forEach((bits, i) => bytes.set([bits & 255, bits >> 8], 2 * i));
      yield { name, halves: { dtype: "u8", shape: [rows, 2 * features], data: bytes }, attrs: { format, features }, rows };
    }
  }
}
