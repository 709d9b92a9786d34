/** The form in which a rounded weight leaves, and what may be rounded. */
import type { Context } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { sparseAffineBytes, toSparseAffine, type SparseShape } from "@pare/sparse-kernels";
import { affineOf, packCodes, packedRowBytes, type HostTensor, type StoredWeight } from "@pare/tensor-core";
import { alreadyQuantized } from "./errors.ts";
import type { Rounded, RoundOptions } from "./round.ts";

/** Throws `quantize/already-quantized` if any of these weights is. */
export function refuseQuantized(model: Checkpoint, names: Iterable<string>): void {
  for (const name of names) {
    const { storage, trainable } = model.weights.get(name)!;
    if (!trainable) throw alreadyQuantized({ weight: name, storage });
  }
}

/** How a weight's codes are kept. */
export type RoundedForm =
  | { readonly storage: "affine" }
  | { readonly storage: "sparse/affine"; readonly block: SparseShape; readonly mask: HostTensor };

/** A weight `[rows, columns]` as codes. */
export function storeRounded([rows, columns]: readonly [number, number], bits: number, rounded: Rounded, form: RoundedForm): StoredWeight {
  const { codes, scales, zeroPoints, scaleShape, groupSize } = rounded;
  if (form.storage === "sparse/affine")
    return toSparseAffine({ shape: [rows, columns], bits, groupSize, codes, scales }, form.block, form.mask);
  return affineOf({
    shape: [rows, columns],
    bits,
    groupSize,
    codes: { dtype: "u8", shape: [rows, packedRowBytes(columns, bits)], data: packCodes(codes, [rows, columns], bits) },
    scales: { dtype: "f32", shape: scaleShape, data: scales },
    zeroPoints: zeroPoints && { dtype: "u8", shape: scaleShape, data: zeroPoints },
  });
}

/**
 * The smallest form of a weight once it is rounded: codes, codes of what pruning left where rounding is symmetric, or, of a sparse
 * weight, that weight as it is (undefined). A choice among several is an event of the run.
 */
export async function chooseForm(
  name: string,
  stored: StoredWeight,
  rounding: RoundOptions,
  context: Context,
): Promise<RoundedForm | undefined> {
  const affine = affineBytes(stored.shape as [number, number], rounding);
  const forms: { readonly name: string; readonly bytes: number; readonly form: RoundedForm | undefined }[] = [
    { name: "affine", bytes: affine, form: { storage: "affine" } },
  ];
  const mask = await stored.mask?.();
  if (mask === undefined) return forms[0]!.form;
  if (rounding.symmetric && rounding.granularity !== "tensor") {
    const block = blockOf(stored);
    const bytes = sparseAffineBytes(
      blocksOf(stored, mask),
      { shape: stored.shape as [number, number], ...rounding, groupSize: groupOf(stored, rounding) },
      block,
    );
    forms.push({ name: "sparse/affine", bytes, form: { storage: "sparse/affine", block, mask } });
  }
  if (stored.storage !== "dense") forms.push({ name: stored.storage, bytes: stored.bytes, form: undefined });
  const smallest = forms.reduce((best, each) => (each.bytes < best.bytes ? each : best));
  const why = forms.map((each) => `${each.bytes} bytes as ${each.name}`).join(", ");
  context.emit({ type: "choice", what: `storage of ${name}`, chosen: smallest.name, why });
  return smallest.form;
}

/** What pruning kept or took together; single weights where the storage does not say. */
function blockOf({ storage, descriptor }: StoredWeight): SparseShape {
  return storage === "sparse/block" ? ({ columns: 1, ...descriptor } as SparseShape) : { rows: 1 };
}

function blocksOf({ storage, parts }: StoredWeight, { data }: HostTensor): number {
  return storage === "sparse/block" ? parts["columns"]!.shape[0]! : (data as Uint8Array).reduce((sum, bit) => sum + bit, 0);
}

function groupOf({ shape }: StoredWeight, { granularity, groupSize }: RoundOptions): number {
  return granularity === "group" ? Math.min(groupSize, shape[1]!) : shape[1]!;
}

function affineBytes([rows, columns]: readonly [number, number], { bits, symmetric, granularity, groupSize }: RoundOptions): number {
  const scales = granularity === "tensor" ? 1 : rows * (granularity === "group" ? Math.ceil(columns / groupSize) : 1);
  return rows * packedRowBytes(columns, bits) + scales * (symmetric ? 4 : 5);
}
