import {
  absOp,
  erfOp,
  expOp,
  geluOp,
  geluTanhOp,
  logOp,
  negOp,
  reluOp,
  rsqrtOp,
  sigmoidOp,
  siluOp,
  sqrtOp,
  tanhOp,
  type Kernel,
  type UnaryOp,
} from "@pare/tensor-core";
import { implement, type WebgpuTypes } from "../types.ts";
import { activated, MATH } from "../wgsl/math.ts";
import { encodeElements } from "./elementwise.ts";

const FUNCTIONS: readonly (readonly [UnaryOp<string>, string])[] = [
  [negOp, "-x"],
  [absOp, "abs(x)"],
  [expOp, "exp_of(x)"],
  [logOp, "log_of(x)"],
  [sqrtOp, "sqrt(x)"],
  [rsqrtOp, "1.0 / sqrt(x)"],
  [tanhOp, "tanh_of(x)"],
  [sigmoidOp, "sigmoid_of(x)"],
  [erfOp, "erf_of(x)"],
  [reluOp, activated("relu")],
  [geluOp, activated("gelu")],
  [geluTanhOp, activated("gelu-tanh")],
  [siluOp, activated("silu")],
];

export const unaryKernels: readonly Kernel<WebgpuTypes>[] = FUNCTIONS.map(([op, formula]) =>
  implement(op, (encoder, { x }, { y }) =>
    encodeElements(encoder, x.size, {
      kernel: `f32_${op.name.replaceAll("-", "_")}`,
      reads: { x },
      writes: { y },
      declare: MATH,
      body: `let x = read_x(i); write_y(i, ${formula});`,
    }),
  ),
);
