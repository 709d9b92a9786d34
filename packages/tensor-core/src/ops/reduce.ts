/** Mean and maximum over axes; the sum stands beside broadcasting. */
import { div, mul } from "./binary.ts";
import { broadcast, sum } from "./broadcast.ts";
import { equal } from "./compare.ts";
import { reshape } from "./reshape.ts";
import { expectAxis, floatType } from "./support/check.ts";
import { sampler } from "./support/cases.ts";
import { dataOf, make, numbersOf } from "./support/host.ts";
import { liftLike } from "./support/lift.ts";
import { reducedAxes, reducedShape, reductionCases, reductionOffsets, wholeAxes, type ReduceAttrs } from "./support/reduction.ts";
import { sizeOf, symbolicSize } from "../dim.ts";
import { apply, type Value } from "../graph.ts";
import type { TensorType } from "../host.ts";
import { defineOp, type Op } from "../op.ts";

export type ReduceOp<Name extends string> = Op<Name, "x", never, "y", ReduceAttrs>;

export const meanOp: ReduceOp<"mean"> = defineOp({
  name: "mean",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }, attrs: ReduceAttrs) => ({ y: inferReduction("mean", x, attrs) }),
  axes: ({ x }, _outputs, attrs) => reducedAxes(x.shape, attrs),
  reference: ({ x }, attrs) => {
    const y = make(x.dtype, numbersOf(reducedShape(x.shape, attrs)));
    const totals = new Float64Array(y.data.length);
    const data = dataOf(x);
    reductionOffsets(x.shape, attrs.axes).forEach((to, i) => (totals[to]! += data[i]!));
    const count = sizeOf(attrs.axes.map((axis) => x.shape[axis]!));
    y.data.set(totals.map((total) => total / count));
    return { y };
  },
  gradient: ({ y: g }, { x }, _outputs, { axes }) =>
    g === undefined ? {} : { x: broadcast(reshape(div(g, countOf(x, axes)), reducedShape(x.shape, { axes, keepDims: true })), x.shape) },
  cases: () => reductionCases("f32 additions in any order over at most 1030 elements in [−1, 1)"),
});

/** The gradient goes to all equal maxima, shared evenly. */
export const maxOp: ReduceOp<"max"> = defineOp({
  name: "max",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }, attrs: ReduceAttrs) => ({ y: inferReduction("max", x, attrs) }),
  axes: ({ x }, _outputs, attrs) => reducedAxes(x.shape, attrs),
  reference: ({ x }, attrs) => {
    const y = make(x.dtype, numbersOf(reducedShape(x.shape, attrs)));
    y.data.fill(-Infinity);
    const data = dataOf(x);
    reductionOffsets(x.shape, attrs.axes).forEach((to, i) => (y.data[to] = Math.max(y.data[to]!, data[i]!)));
    return { y };
  },
  gradient: ({ y: g }, { x }, { y }, { axes }) => {
    if (g === undefined) return {};
    const kept = reducedShape(x.shape, { axes, keepDims: true });
    const chosen = equal(x, reshape(y, kept));
    return { x: mul(chosen, div(reshape(g, kept), sum(chosen, axes, true))) };
  },
  cases: function* () {
    for (const one of reductionCases("an element is copied")) {
      yield { ...one, inputs: { x: sampler(one.name).distinct(one.inputs.x.shape) }, tolerance: 0 };
    }
  },
});

/** Mean over `axes`, all by default; negative ones count from the end. */
export function mean(x: Value, axes?: readonly number[], keepDims = false): Value {
  return reduce(meanOp, x, axes, keepDims);
}

/** Maximum over `axes`, all by default; negative ones count from the end. */
export function max(x: Value, axes?: readonly number[], keepDims = false): Value {
  return reduce(maxOp, x, axes, keepDims);
}

function reduce(op: ReduceOp<string>, x: Value, axes: readonly number[] | undefined, keepDims: boolean): Value {
  const attrs = { axes: wholeAxes(axes, x.shape.length), keepDims };
  return attrs.axes.length === 0 ? x : apply(op, { x }, attrs).y;
}

function inferReduction(op: string, x: TensorType, attrs: ReduceAttrs): TensorType {
  for (const axis of attrs.axes) expectAxis(op, axis, x.shape.length);
  return { dtype: floatType(op, { x }), shape: reducedShape(x.shape, attrs) };
}

/** How many elements go into one: a number, or while the sizes have names, a sum of ones that is taken once they are bound. */
function countOf(x: Value, axes: readonly number[]): Value | number {
  const sizes = axes.map((axis) => x.shape[axis]!);
  const count = symbolicSize(sizes);
  return typeof count === "number" ? count : sum(broadcast(liftLike(1, x), sizes));
}
