/** The form in which a rounded weight leaves, and what may be rounded. */
import type { Context } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { affineOf, packCodes, packedRowBytes, type StoredWeight } from "@pare/tensor-core";
import { alreadyQuantized } from "./errors.ts";
import type { Rounded, RoundOptions } from "./round.ts";

/** Throws `quantize/already-quantized` if any of these weights is. */
export function refuseQuantized(model: Checkpoint, names: Iterable<string>): void {
  for (const name of names) {
    const { storage, trainable } = model.weights.get(name)!;
    if (!trainable) throw alreadyQuantized({ weight: name, storage });
  }
}

/** An affine weight `[rows, columns]`. */
export function storeRounded(
  [rows, columns]: readonly [number, number],
  bits: number,
  { codes, scales, zeroPoints, scaleShape, groupSize }: Rounded,
): StoredWeight {
  return affineOf({
    shape: [rows, columns],
    bits,
    groupSize,
    codes: { dtype: "u8", shape: [rows, packedRowBytes(columns, bits)], data: packCodes(codes, [rows, columns], bits) },
    scales: { dtype: "f32", shape: scaleShape, data: scales },
    zeroPoints: zeroPoints && { dtype: "u8", shape: scaleShape, data: zeroPoints },
  });
}

/** Whether a sparse weight is smaller as it is than as codes; the choice is an event of the run. */
export function staysSparse(name: string, stored: StoredWeight, rounding: RoundOptions, context: Context): boolean {
  if (stored.storage === "dense") return false;
  const bytes = affineBytes(stored.shape as [number, number], rounding);
  const stays = stored.bytes <= bytes;
  const why = `${stored.bytes} bytes as ${stored.storage}, ${bytes} as affine codes`;
  context.emit({ type: "choice", what: `storage of ${name}`, chosen: stays ? stored.storage : "affine", why });
  return stays;
}

function affineBytes([rows, columns]: readonly [number, number], { bits, symmetric, granularity, groupSize }: RoundOptions): number {
  const scales = granularity === "tensor" ? 1 : rows * (granularity === "group" ? Math.ceil(columns / groupSize) : 1);
  return rows * packedRowBytes(columns, bits) + scales * (symmetric ? 4 : 5);
}
