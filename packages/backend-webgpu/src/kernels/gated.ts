import { siluMulGradientOp, siluMulOp, type Kernel } from "@pare/tensor-core";
import { implement, type WebgpuTypes } from "../types.ts";
import { MATH } from "../wgsl/math.ts";
import { encodeElements } from "./elementwise.ts";

export const gatedKernels: readonly Kernel<WebgpuTypes>[] = [
  implement(siluMulOp, (encoder, { gate, up }, { y }) =>
    encodeElements(encoder, y.size, {
      kernel: "f32_silu_mul",
      reads: { gate, up },
      writes: { y },
      declare: MATH,
      body: "let g = read_gate(i); write_y(i, g * sigmoid_of(g) * read_up(i));",
    }),
  ),
  implement(siluMulGradientOp, (encoder, { grad, gate, up }, to) =>
    encodeElements(encoder, grad.size, {
      kernel: "f32_silu_mul_gradient",
      reads: { grad, gate, up },
      writes: { to_gate: to.gate, to_up: to.up },
      declare: MATH,
      body: `let g = read_gate(i); let s = sigmoid_of(g); let slope = read_grad(i);
  write_to_gate(i, slope * read_up(i) * s * fma(g, 1.0 - s, 1.0));
  write_to_up(i, slope * g * s);`,
    }),
  ),
];
