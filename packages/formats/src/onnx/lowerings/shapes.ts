import {
  argmaxOp,
  broadcastOp,
  concatOp,
  matmulOp,
  maxOp,
  meanOp,
  padOp,
  reshapeOp,
  sliceOp,
  sumOp,
  sumSquaresOp,
  transposeOp,
  type ReduceOp,
} from "@pare/tensor-core";
import type { OnnxBuilder, OnnxValue } from "../builder.ts";
import { onnxLowering, type OnnxLowering } from "../lowering.ts";

function reduction(op: ReduceOp<string>, opType: string): OnnxLowering {
  return onnxLowering(op, (builder, { x }, { attrs }) => {
    const keep = { keepdims: attrs.keepDims ? 1 : 0, noop_with_empty_axes: 1 };
    return { y: builder.node(opType, [x, builder.ints(attrs.axes)], keep) };
  });
}

/** Swaps the last two axes of a value of this rank. */
export function turned(builder: OnnxBuilder, x: OnnxValue, rank: number): OnnxValue {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return builder.node("Transpose", [x], { perm: [...axes.slice(0, -2), rank - 1, rank - 2] });
}

export const shapes: readonly OnnxLowering[] = [
  reduction(sumOp, "ReduceSum"),
  reduction(meanOp, "ReduceMean"),
  reduction(maxOp, "ReduceMax"),
  onnxLowering(argmaxOp, (builder, { x }) => ({ y: builder.cast(builder.node("ArgMax", [x], { axis: -1, keepdims: 0 }), "i32") })),
  onnxLowering(broadcastOp, (builder, { x }, { attrs }) => ({ y: builder.node("Expand", [x, builder.shape(attrs.shape)]) })),
  onnxLowering(concatOp, (builder, { a, b }, { attrs }) => ({ y: builder.node("Concat", [a, b], { axis: attrs.axis }) })),
  onnxLowering(matmulOp, (builder, { a, b }, { attrs, inputs }) => {
    const left = attrs.transposeA ? turned(builder, a, inputs.a.shape.length) : a;
    const right = attrs.transposeB ? turned(builder, b, inputs.b.shape.length) : b;
    return { y: builder.node("MatMul", [left, right]) };
  }),
  onnxLowering(padOp, (builder, { x }, { attrs }) => ({
    y: builder.node("Pad", [x, builder.shape([...attrs.before, ...attrs.after])]),
  })),
  onnxLowering(reshapeOp, (builder, { x }, { inputs, outputs }) => ({ y: builder.reshape(x, inputs.x.shape, outputs.y.shape) })),
  onnxLowering(sliceOp, (builder, { x }, { attrs, inputs }) => {
    const whole = (axis: number): boolean => attrs.starts[axis] === 0 && String(attrs.ends[axis]) === String(inputs.x.shape[axis]);
    const axes = inputs.x.shape.map((_, axis) => axis).filter((axis) => !whole(axis));
    if (axes.length === 0) return { y: x };
    const picked = (ends: typeof attrs.ends): OnnxValue => builder.shape(axes.map((axis) => ends[axis]!));
    return { y: builder.node("Slice", [x, picked(attrs.starts), picked(attrs.ends), builder.ints(axes)]) };
  }),
  onnxLowering(sumSquaresOp, (builder, { x }) => ({ y: builder.node("ReduceSumSquare", [x], { keepdims: 0 }) })),
  onnxLowering(transposeOp, (builder, { x }, { attrs }) => ({ y: builder.node("Transpose", [x], { perm: attrs.axes }) })),
];
