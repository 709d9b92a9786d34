/** What ops over single elements share: the shape rule with broadcasting, the reference and cases. */
import type { DType } from "../../dtype.ts";
import type { Shape } from "../../dim.ts";
import type { HostTensor, TensorType } from "../../host.ts";
import { ODD_SIZES } from "./cases.ts";
import { broadcastShapes, expectDType } from "./check.ts";
import { broadcastStrides, dataOf, make, numbersOf, offsetsOf } from "./host.ts";

/** Type of an op of two tensors of one dtype, which broadcast. */
export function inferPair(op: string, a: TensorType, b: TensorType, dtypes: readonly DType[]): TensorType {
  expectDType(op, "a", a, ...dtypes);
  expectDType(op, "b", b, a.dtype);
  return { dtype: a.dtype, shape: broadcastShapes(op, a.shape, b.shape) };
}

/** y[i] = f(up to three inputs broadcast to one shape, at i). */
export function mapBroadcast(
  op: string,
  dtype: DType,
  inputs: readonly HostTensor[],
  f: (a: number, b: number, c: number) => number,
): HostTensor {
  const shape = numbersOf(inputs.reduce<Shape>((joined, input) => broadcastShapes(op, joined, input.shape), []));
  const y = make(dtype, shape);
  const [a, b, c] = inputs.map((input) => ({ data: dataOf(input), at: offsetsOf(shape, broadcastStrides(input.shape, shape)) }));
  for (let i = 0; i < y.data.length; i++) {
    y.data[i] = f(a!.data[a!.at[i]!]!, b === undefined ? 0 : b.data[b.at[i]!]!, c === undefined ? 0 : c.data[c.at[i]!]!);
  }
  return y;
}

/** Pairs of shapes that sweep sizes and every way to broadcast. */
export const PAIRS: readonly (readonly [readonly number[], readonly number[]])[] = [
  ...ODD_SIZES.map((size) => [[size], [size]] as const),
  [[3, 5], [5]],
  [[5], [3, 5]],
  [
    [2, 3, 4],
    [3, 1],
  ],
  [
    [2, 1, 4],
    [1, 3, 1],
  ],
  [[4, 7], []],
  [[], [4, 7]],
  [
    [3, 1],
    [1, 4],
  ],
  [
    [2, 2, 3, 9],
    [2, 1, 1, 9],
  ],
];
