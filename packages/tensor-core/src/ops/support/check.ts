/** What shape rules ask of their inputs; all throw `tensor-core/shape-mismatch`. */
import type { DType } from "../../dtype.ts";
import { sameDim, sameShape, showShape, type Dim, type Shape } from "../../dim.ts";
import { shapeMismatch } from "../../errors.ts";
import type { HostTensor, TensorType } from "../../host.ts";

/** Attributes of an op that has none. */
export type NoAttrs = Readonly<Record<string, never>>;

export function expectThat(holds: boolean, op: string, field: string, expected: string, found: string): void {
  if (!holds) throw shapeMismatch({ op, field, expected, found });
}

export function expectDType(op: string, field: string, { dtype }: TensorType, ...allowed: readonly DType[]): void {
  expectThat(allowed.includes(dtype), op, field, allowed.join(" or "), dtype);
}

/** The floating dtype that all given inputs share: f32, or f64 where a gradient is checked. */
export function floatType(op: string, inputs: Readonly<Record<string, TensorType | undefined>>): DType {
  const given = Object.entries(inputs).filter((entry): entry is [string, TensorType] => entry[1] !== undefined);
  const dtype = given[0]![1].dtype === "f64" ? "f64" : "f32";
  for (const [field, type] of given) expectDType(op, field, type, dtype);
  return dtype;
}

export function expectShape(op: string, field: string, { shape }: TensorType, expected: Shape): void {
  expectThat(sameShape(shape, expected), op, field, showShape(expected), showShape(shape));
}

export function expectRank(op: string, field: string, { shape }: TensorType, rank: number): void {
  expectThat(shape.length === rank, op, field, `${rank} dimensions`, showShape(shape));
}

export function expectDim(op: string, field: string, found: Dim, expected: Dim): void {
  expectThat(sameDim(found, expected), op, field, String(expected), String(found));
}

export function expectAxis(op: string, axis: number, rank: number): void {
  expectThat(Number.isInteger(axis) && axis >= 0 && axis < rank, op, "axis", `an axis of a tensor with ${rank} dimensions`, String(axis));
}

/** Numpy's rule over dimensions: equal, or one of them 1. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (sameDim(left, right) || right === 1) return left;
    expectThat(left === 1, op, "b", `a shape that broadcasts with ${showShape(a)}`, showShape(b));
    return right;
  });
}

/** Ids of rows, each of one that there is. */
export function expectIds(op: string, { data }: HostTensor, count: number): Int32Array {
  const ids = data as Int32Array;
  ids.forEach((id, i) => expectThat(id >= 0 && id < count, op, `ids, element ${i}`, `an id in [0, ${count})`, String(id)));
  return ids;
}
