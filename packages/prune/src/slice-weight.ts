import { denseWeight, sourceOf, type HostTensor, type StoredWeight } from "@pare/tensor-core";
import { sliceTensor } from "./slice-tensor.ts";
import { storePruned, type MaskForm } from "./store-pruned.ts";

/** A weight that is not quantized with only these indices of an axis: dense stays dense in its dtype, beside its mask; sparse stays sparse. */
export async function sliceWeight(stored: StoredWeight, axis: 0 | 1, kept: readonly number[]): Promise<StoredWeight> {
  const mask = stored.mask === undefined ? undefined : sliceTensor(await stored.mask(), axis, kept);
  const { values: plain } = stored.parts;
  if (stored.storage === "dense") return denseWeight(sourceOf(sliceTensor(await plain.read(), axis, kept)), mask && sourceOf(mask));
  const values = sliceTensor(await stored.dense(), axis, kept);
  const all: HostTensor = mask ?? { dtype: "u8", shape: values.shape, data: new Uint8Array(values.data.length).fill(1) };
  // Rows and columns that go may tear blocks and groups apart; single entries then say what is left.
  return storePruned(values, all, formOf(stored), stored.storage.startsWith("sparse/") ? "sparse" : "auto");
}

/** What the mask of a stored weight was made by. */
export function formOf({ storage, descriptor }: StoredWeight): MaskForm {
  if (storage === "sparse/block") return { columns: 1, ...descriptor } as MaskForm;
  return storage === "sparse/n-of-m" ? (descriptor as unknown as MaskForm) : undefined;
}
