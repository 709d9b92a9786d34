import { layerNormGradientOp, layerNormOp, rmsNormGradientOp, rmsNormOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";
import { rowsOf } from "./softmax.ts";

export const normKernels: readonly Kernel<WasmTypes>[] = [
  implement(rmsNormOp, (encoder, { x, weight }, { y }, { epsilon }) =>
    encoder.call("f32_rms_norm", x.address, weight.address, y.address, ...rowsOf(x), epsilon),
  ),
  implement(rmsNormGradientOp, (encoder, { x, weight, grad }, to, { epsilon }) => {
    const places = [x, weight, grad, to.x, to.weight].map(({ address }) => address);
    encoder.call("f32_rms_norm_gradient", ...places, ...rowsOf(x), epsilon);
  }),
  implement(layerNormOp, (encoder, { x, weight, bias }, { y }, { epsilon }) =>
    encoder.call("f32_layer_norm", x.address, weight.address, bias.address, y.address, ...rowsOf(x), epsilon),
  ),
  implement(layerNormGradientOp, (encoder, { x, weight, grad }, to, { epsilon }) => {
    const places = [x, weight, grad, to.x, to.weight, to.bias].map(({ address }) => address);
    encoder.call("f32_layer_norm_gradient", ...places, ...rowsOf(x), epsilon);
  }),
];
