import { activationGradientOp, siluMulGradientOp, siluMulOp, type Curved, type Kernel } from "@pare/tensor-core";
import { implement, type WebgpuTypes } from "../types.ts";
import { MATH } from "../wgsl/math.ts";
import { encodeElements } from "./elementwise.ts";

/** f′(x); beyond ± 10 the tanh form of gelu is a line, and its cube would overflow. */
const SLOPES: Readonly<Record<Curved, string>> = {
  relu: "let slope = select(0.0, 1.0, x > 0.0);",
  gelu: "let slope = fma(x * 0.3989422804, exp_of(-0.5 * x * x), 0.5 * (1.0 + erf_of(x * 0.7071067812)));",
  "gelu-tanh": `let v = clamp(x, -10.0, 10.0);
  let s = sigmoid_of(1.595769122 * fma(0.044715 * v * v, v, v));
  let slope = fma(v * s * (1.0 - s), fma(v * v, 0.2140644488, 1.595769122), s);`,
  silu: "let s = sigmoid_of(x); let slope = s * fma(x, 1.0 - s, 1.0);",
};

export const gatedKernels: readonly Kernel<WebgpuTypes>[] = [
  implement(activationGradientOp, (encoder, { grad, x }, { y }, { activation }) =>
    encodeElements(encoder, y.size, {
      kernel: `f32_${activation.replace("-", "_")}_gradient`,
      reads: { grad, x },
      writes: { y },
      declare: MATH,
      body: `let x = read_x(i); ${SLOPES[activation]} write_y(i, read_grad(i) * slope);`,
    }),
  ),
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
