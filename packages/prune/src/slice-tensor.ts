import { allocateArray, sizeOf, type HostTensor } from "@pare/tensor-core";

/** The tensor with only these indices of an axis, in their order; every dtype. */
export function sliceTensor({ dtype, shape, data }: HostTensor, axis: number, kept: readonly number[]): HostTensor {
  const cut = shape.map((size, at) => (at === axis ? kept.length : size));
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  const out = allocateArray(dtype, sizeOf(cut));
  for (let block = 0; block < outer; block++) {
    kept.forEach((index, to) => {
      const from = (block * shape[axis] + index) * inner;
      // One dtype on both sides: the union of array types cannot say so.
      (out as Float32Array).set(data.subarray(from, from + inner) as Float32Array, (block * kept.length + to) * inner);
    });
  }
  return { dtype, shape: cut, data: out };
}
