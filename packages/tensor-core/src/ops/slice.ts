/** Slicing and its adjoint, padding with zeros: each is the other's gradient, so they share a file. */
import { expectThat } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make, numbersOf, offsetsOf, stridesOf } from "./support/host.ts";
import { addDims, showShape, subDims, type Dim, type Shape } from "../dim.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

export interface SliceAttrs {
  readonly starts: readonly Dim[];
  readonly ends: readonly Dim[];
}

export interface PadAttrs {
  readonly before: readonly Dim[];
  readonly after: readonly Dim[];
}

/** Elements `[start, end)` of every axis; any dtype. */
export const sliceOp: Op<"slice", "x", never, "y", SliceAttrs> = defineOp({
  name: "slice",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }, { starts, ends }: SliceAttrs) => {
    expectLength("slice", "starts", starts, x.shape);
    expectLength("slice", "ends", ends, x.shape);
    x.shape.forEach((size, axis) => {
      const inside = [0, starts[axis]!, ends[axis]!, size]
        .filter((d) => typeof d === "number")
        .every((d, i, all) => i === 0 || all[i - 1]! <= d);
      expectThat(inside, "slice", `axis ${axis}`, `a range inside [0, ${size}]`, `[${starts[axis]}, ${ends[axis]})`);
    });
    return { y: { dtype: x.dtype, shape: ends.map((end, axis) => subDims(end, starts[axis]!)) } };
  },
  axes: ({ x }, _outputs, { starts, ends }) =>
    x.shape.map((size, axis) => ({
      kind: "join",
      parts: [Number(starts[axis]), ["y", axis], Number(size) - Number(ends[axis])],
      whole: ["x", axis],
    })),
  reference: ({ x }, { starts, ends }) => {
    const y = make(
      x.dtype,
      ends.map((end, axis) => Number(end) - Number(starts[axis])),
    );
    const data = dataOf(x);
    insideOffsets(x.shape, y.shape, starts).forEach((from, i) => (y.data[i] = data[from]!));
    return { y };
  },
  gradient: ({ y }, { x }, _outputs, { starts, ends }) =>
    y === undefined
      ? {}
      : {
          x: pad(
            y,
            starts,
            x.shape.map((size, axis) => subDims(size, ends[axis]!)),
          ),
        },
  cases: function* () {
    const ranges: [number[], number[], number[]][] = [
      [
        [7, 5],
        [2, 1],
        [6, 4],
      ],
      [
        [3, 4, 5],
        [0, 0, 2],
        [3, 4, 3],
      ],
      [[9], [3], [3]],
      [
        [2, 6, 3],
        [1, 0, 0],
        [2, 6, 3],
      ],
      ...ODD_SIZES.map((size): [number[], number[], number[]] => [
        [3, size + 3],
        [1, 2],
        [3, size + 2],
      ]),
    ];
    for (const [shape, starts, ends] of ranges) {
      const name = `[${shape.join()}] from ${starts.join()} to ${ends.join()}`;
      yield { name, inputs: { x: sampler(name).f32(shape) }, attrs: { starts, ends }, tolerance: 0, why: "elements are copied" };
    }
  },
});

/** Elements `[start, end)` of every axis; any dtype. */
export function slice(x: Value, starts: readonly Dim[], ends: readonly Dim[]): Value {
  return apply(sliceOp, { x }, { starts, ends }).y;
}

/** Zeros before and after every axis; any dtype. */
export const padOp: Op<"pad", "x", never, "y", PadAttrs> = defineOp({
  name: "pad",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }, { before, after }: PadAttrs) => {
    expectLength("pad", "before", before, x.shape);
    expectLength("pad", "after", after, x.shape);
    const zeros = [...before, ...after].every((d) => typeof d !== "number" || d >= 0);
    expectThat(zeros, "pad", "before, after", "numbers that are not negative", `${showShape(before)}, ${showShape(after)}`);
    return { y: { dtype: x.dtype, shape: x.shape.map((size, axis) => addDims(addDims(before[axis]!, size), after[axis]!)) } };
  },
  reference: ({ x }, { before, after }) => {
    const y = make(
      x.dtype,
      x.shape.map((size, axis) => Number(before[axis]) + size + Number(after[axis])),
    );
    const data = dataOf(x);
    insideOffsets(y.shape, x.shape, before).forEach((to, i) => (y.data[to] = data[i]!));
    return { y };
  },
  gradient: ({ y }, { x }, _outputs, { before }) =>
    y === undefined
      ? {}
      : {
          x: slice(
            y,
            before,
            x.shape.map((size, axis) => addDims(before[axis]!, size)),
          ),
        },
  cases: function* () {
    const shapes: [number[], number[], number[]][] = [
      [
        [3, 4],
        [1, 2],
        [0, 3],
      ],
      [
        [2, 3, 5],
        [0, 1, 0],
        [2, 0, 1],
      ],
      [[4], [0], [0]],
      ...ODD_SIZES.map((size): [number[], number[], number[]] => [
        [2, size],
        [0, 1],
        [1, 2],
      ]),
    ];
    for (const [shape, before, after] of shapes) {
      const name = `[${shape.join()}] before ${before.join()} after ${after.join()}`;
      yield { name, inputs: { x: sampler(name).f32(shape) }, attrs: { before, after }, tolerance: 0, why: "elements are copied" };
    }
  },
});

/** x with so many zeros before and after every axis; any dtype. */
export function pad(x: Value, before: readonly Dim[], after: readonly Dim[]): Value {
  return apply(padOp, { x }, { before, after }).y;
}

function expectLength(op: string, field: string, dims: readonly Dim[], shape: Shape): void {
  expectThat(dims.length === shape.length, op, field, `a number per axis of ${showShape(shape)}`, showShape(dims));
}

/** Where the elements of a box that begins at `starts` lie in the tensor around it. */
function insideOffsets(around: readonly number[], box: readonly number[], starts: readonly Dim[]): Int32Array {
  const strides = stridesOf(around);
  return offsetsOf(
    box,
    strides,
    numbersOf(starts).reduce((sum, start, axis) => sum + start * strides[axis]!, 0),
  );
}
