/** Rows of stored weights in another order, or stacked: what formats ask for that keep them otherwise. */
import { affineWeight, allocateArray, denseWeight, type AffineParts, type StoredWeight, type TensorSource } from "@pare/tensor-core";

/** Row i of the result is row `order[i]`. Dense and affine weights stay what they are; others become dense. Reads nothing. */
export function reorderRows(weight: StoredWeight, order: readonly number[]): StoredWeight {
  const affine = affineOfWeight(weight);
  if (affine !== undefined) {
    const { codes, scales, zeroPoints } = affine;
    const perRow = scales.shape[0] === order.length;
    return affineWeight({
      ...affine,
      codes: reordered(codes, order),
      scales: perRow ? reordered(scales, order) : scales,
      zeroPoints: zeroPoints && perRow ? reordered(zeroPoints, order) : zeroPoints,
    });
  }
  const { values = denseSource(weight) } = weight.storage === "dense" ? weight.parts : {};
  return denseWeight(reordered(values, order));
}

/** The parts of an affine weight; undefined for other storages. */
export function affineOfWeight({ storage, descriptor, parts }: StoredWeight): AffineParts | undefined {
  if (storage !== "affine") return undefined;
  return {
    ...(descriptor as unknown as Pick<AffineParts, "shape" | "bits" | "groupSize">),
    ...(parts as unknown as Pick<AffineParts, "codes" | "scales">),
  };
}

/** A weight of any storage as the dense f32 it stands for. */
export function denseSource({ shape, dense }: StoredWeight): TensorSource {
  return { dtype: "f32", shape, bytes: 4 * shape.reduce((product, size) => product * size, 1), read: dense };
}

function reordered(source: TensorSource, order: readonly number[]): TensorSource {
  return {
    ...source,
    read: async () => {
      const { dtype, shape, data } = await source.read();
      const width = data.length / order.length;
      const out = allocateArray(dtype, data.length);
      for (const [row, from] of order.entries()) out.set(data.subarray(from * width, (from + 1) * width) as never, row * width);
      return { dtype, shape, data: out };
    },
  };
}
