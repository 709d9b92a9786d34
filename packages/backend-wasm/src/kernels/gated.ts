import { siluMulGradientOp, siluMulOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

export const gatedKernels: readonly Kernel<WasmTypes>[] = [
  implement(siluMulOp, (encoder, { gate, up }, { y }) => encoder.call("f32_silu_mul", gate.address, up.address, y.address, y.size)),
  implement(siluMulGradientOp, (encoder, { grad, gate, up }, to) => {
    const places = [grad, gate, up, to.gate, to.up].map(({ address }) => address);
    encoder.call("f32_silu_mul_gradient", ...places, grad.size);
  }),
];
