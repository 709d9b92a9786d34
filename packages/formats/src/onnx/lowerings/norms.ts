import { layerNormOp, logSoftmaxOp, rmsNormOp, softmaxOp } from "@pare/tensor-core";
import { onnxLowering, type OnnxLowering } from "../lowering.ts";

export const norms: readonly OnnxLowering[] = [
  onnxLowering(layerNormOp, (builder, { x, weight, bias }, { attrs }) => ({
    y: builder.node("LayerNormalization", [x, weight, bias], { axis: -1 }, { floats: { epsilon: attrs.epsilon } }),
  })),
  // Squares of f16 pass 65504 early: always in f32. Runtimes know this chain and fuse it.
  onnxLowering(rmsNormOp, (builder, { x, weight }, { attrs }) => {
    const wide = builder.float === "f32" ? x : builder.cast(x, "f32");
    const squares = builder.node("Pow", [wide, builder.scalar(2, "f32")]);
    const mean = builder.node("ReduceMean", [squares, builder.ints([-1])], { keepdims: 1 });
    const root = builder.node("Sqrt", [builder.node("Add", [mean, builder.scalar(attrs.epsilon, "f32")])]);
    const normal = builder.node("Div", [wide, root]);
    return { y: builder.node("Mul", [builder.float === "f32" ? normal : builder.cast(normal, "f16"), weight]) };
  }),
  onnxLowering(softmaxOp, (builder, { x }) => ({ y: builder.node("Softmax", [x], { axis: -1 }) })),
  onnxLowering(logSoftmaxOp, (builder, { x }) => ({ y: builder.node("LogSoftmax", [x], { axis: -1 }) })),
];
