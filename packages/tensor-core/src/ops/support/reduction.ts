/** What the reductions over axes share. */
import { sameAxis, type AxisLink } from "../../axes.ts";
import type { Dim, Shape } from "../../dim.ts";
import type { OpCase } from "../../op.ts";
import { offsetsOf, stridesOf } from "./host.ts";
import { ODD_SIZES, sampler } from "./cases.ts";

export interface ReduceAttrs {
  /** Ascending, not negative. */
  readonly axes: readonly number[];
  /** Reduced axes stay, with size 1. */
  readonly keepDims: boolean;
}

export function reducedShape(shape: Shape, { axes, keepDims }: ReduceAttrs): readonly Dim[] {
  return shape.flatMap((size, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [size]));
}

/** What is reduced hangs on nothing; the other axes stay. */
export function reducedAxes(shape: Shape, { axes, keepDims }: ReduceAttrs): AxisLink[] {
  const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  return kept.map((axis, at) => sameAxis("x", axis, "y", keepDims ? axis : at));
}

/** For every element of the input, the element of the output it goes into. */
export function reductionOffsets(shape: readonly number[], axes: readonly number[]): Int32Array {
  const kept = stridesOf(shape.map((size, axis) => (axes.includes(axis) ? 1 : size)));
  return offsetsOf(
    shape,
    kept.map((stride, axis) => (axes.includes(axis) ? 0 : stride)),
  );
}

/** Axes as attributes hold them: all when not given, negative ones counted from the end. */
export function wholeAxes(axes: readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  return [...new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)))].sort((a, b) => a - b);
}

export function* reductionCases(why: string): Generator<OpCase<"x", never, ReduceAttrs>> {
  const shapes: [number[], number[]][] = [
    [[2, 3, 5], [0]],
    [[2, 3, 5], [1]],
    [
      [2, 3, 5],
      [0, 2],
    ],
    [
      [2, 3, 5],
      [0, 1, 2],
    ],
    [
      [3, 4, 1, 2],
      [1, 2],
    ],
  ];
  for (const size of ODD_SIZES) shapes.push([[3, size], [1]], [[size, 5], [0]]);
  shapes.push([[3, 1030], [1]], [[1030, 3], [0]]);
  for (const [shape, axes] of shapes) {
    const name = `[${shape.join()}] over ${axes.join()}`;
    const long = shape.includes(1030);
    yield {
      name,
      inputs: { x: sampler(name).f32(shape) },
      attrs: { axes, keepDims: shape.length === 2 },
      tolerance: long ? 1e-4 : 1e-5,
      why,
      ...(long ? { checkGradient: [] } : {}),
    };
  }
}
