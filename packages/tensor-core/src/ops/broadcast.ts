/** Broadcasting and its adjoint, the sum: each is the other's gradient, so they share a file. */
import { broadcastShapes, expectAxis, expectThat, floatType } from "./support/check.ts";
import { broadcastStrides, dataOf, make, numbersOf, offsetsOf } from "./support/host.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { reducedAxes, reducedShape, reductionOffsets, reductionCases, wholeAxes, type ReduceAttrs } from "./support/reduction.ts";
import { reshape } from "./reshape.ts";
import { sameShape, showShape, sizeOf, type Dim, type Shape } from "../dim.ts";
import { alignedAxes } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

export interface BroadcastAttrs {
  readonly shape: readonly Dim[];
}

/** Repeats axes of size 1 and adds leading ones. */
export const broadcastOp: Op<"broadcast", "x", never, "y", BroadcastAttrs> = defineOp({
  name: "broadcast",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }, { shape }: BroadcastAttrs) => {
    const fits = sameShape(broadcastShapes("broadcast", x.shape, shape), shape);
    expectThat(fits, "broadcast", "shape", `a shape that ${showShape(x.shape)} broadcasts to`, showShape(shape));
    return { y: { dtype: x.dtype, shape } };
  },
  axes: (inputs, { y }) => alignedAxes(inputs, y),
  reference: ({ x }, attrs) => {
    const shape = numbersOf(attrs.shape);
    const y = make(x.dtype, shape);
    const data = dataOf(x);
    offsetsOf(shape, broadcastStrides(x.shape, shape)).forEach((from, i) => (y.data[i] = data[from]!));
    return { y };
  },
  gradient: ({ y }, { x }) => (y === undefined ? {} : { x: sumTo(y, x.shape) }),
  cases: function* () {
    const shapes: [number[], number[]][] = [
      [[], [5]],
      [
        [3, 1],
        [3, 7],
      ],
      [
        [1, 3],
        [4, 3],
      ],
      [
        [2, 1, 3],
        [2, 4, 3],
      ],
      [[1], [2, 3, 4]],
    ];
    for (const size of ODD_SIZES) shapes.push([[size], [2, size]]);
    for (const [from, shape] of shapes) {
      const name = `[${from.join()}] to [${shape.join()}]`;
      yield { name, inputs: { x: sampler(name).f32(from) }, attrs: { shape }, tolerance: 0, why: "elements are copied" };
    }
  },
});

/** Repeats axes of size 1 and adds leading ones until x has `shape`; x itself where it has it. */
export function broadcast(x: Value, shape: readonly Dim[]): Value {
  return sameShape(x.shape, shape) ? x : apply(broadcastOp, { x }, { shape }).y;
}

/** Sum over `axes`. */
export const sumOp: Op<"sum", "x", never, "y", ReduceAttrs> = defineOp({
  name: "sum",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }, attrs: ReduceAttrs) => {
    for (const axis of attrs.axes) expectAxis("sum", axis, x.shape.length);
    return { y: { dtype: floatType("sum", { x }), shape: reducedShape(x.shape, attrs) } };
  },
  axes: ({ x }, _outputs, attrs) => reducedAxes(x.shape, attrs),
  reference: ({ x }, attrs) => {
    const y = make(x.dtype, numbersOf(reducedShape(x.shape, attrs)));
    const totals = new Float64Array(sizeOf(y.shape));
    const data = dataOf(x);
    reductionOffsets(x.shape, attrs.axes).forEach((to, i) => (totals[to]! += data[i]!));
    y.data.set(totals);
    return { y };
  },
  gradient: ({ y }, { x }, _outputs, { axes }) =>
    y === undefined ? {} : { x: broadcast(reshape(y, reducedShape(x.shape, { axes, keepDims: true })), x.shape) },
  cases: () => reductionCases("f32 additions in any order over at most 1030 elements in [−1, 1)"),
});

/** Sum over `axes`, all by default; negative ones count from the end. */
export function sum(x: Value, axes?: readonly number[], keepDims = false): Value {
  const attrs = { axes: wholeAxes(axes, x.shape.length), keepDims };
  return attrs.axes.length === 0 ? x : apply(sumOp, { x }, attrs).y;
}

/** Adjoint of broadcasting from `shape`: sums what was repeated. */
export function sumTo(x: Value, shape: Shape): Value {
  const lead = x.shape.length - shape.length;
  const axes = x.shape.flatMap((size, axis) => (axis < lead || (shape[axis - lead] === 1 && size !== 1) ? [axis] : []));
  return reshape(sum(x, axes, true), shape);
}
