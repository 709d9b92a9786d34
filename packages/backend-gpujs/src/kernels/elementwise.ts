/** Functions of single elements, arithmetic and comparisons with broadcasting. */
import {
  absOp,
  activationGradientOp,
  addOp,
  type BinaryOp,
  broadcastStrides,
  type Curved,
  divOp,
  equalOp,
  erfOp,
  expOp,
  geluOp,
  geluTanhOp,
  greaterOp,
  type Kernel,
  logOp,
  maximumOp,
  minimumOp,
  mulOp,
  negOp,
  reluOp,
  rsqrtOp,
  selectOp,
  sigmoidOp,
  siluMulGradientOp,
  siluMulOp,
  siluOp,
  sqrtOp,
  subOp,
  tanhOp,
  type UnaryOp,
} from "@pare/tensor-core";
import { implement, type GpujsTypes } from "../types.ts";
import { mapStrided } from "./strides.ts";

function unary(op: UnaryOp<string>, value: string): Kernel<GpujsTypes> {
  const shader = {
    name: `f32_${op.name.replace("-", "_")}`,
    parameters: { X: "tensor" },
    body: `const x = X[i]; return ${value};`,
  } as const;
  return implement(op, (encoder, { x }, { y }) => encoder.pass(shader, y, { X: x }));
}

function binary(op: BinaryOp<string>, value: string): Kernel<GpujsTypes> {
  return implement(op, (encoder, { a, b }, { y }) => {
    const operands = [a, b].map((tensor) => ({ tensor, strides: broadcastStrides(tensor.shape, y.shape) }));
    mapStrided(encoder, `f32_${op.name}`, value, y, operands);
  });
}

/** f′(x); beyond ± 10 the tanh form of gelu is a line, and its cube would overflow. */
const SLOPES: Readonly<Record<Curved, string>> = {
  relu: "return x > 0.0 ? g : 0.0;",
  gelu: "return g * (0.5 * (1.0 + errorFunction(x * 0.7071067811865476)) + x * 0.3989422804014327 * Math.exp(-0.5 * x * x));",
  "gelu-tanh": `const v = x > 10.0 ? 10.0 : (x < -10.0 ? -10.0 : x);
    const s = logistic(1.5957691216057308 * (v + 0.044715 * v * v * v));
    return g * (s + v * s * (1.0 - s) * 1.5957691216057308 * (1.0 + 0.134145 * v * v));`,
  silu: "const s = logistic(x); return g * (s * (1.0 + x * (1.0 - s)));",
};

const GATED = { gate: "tensor", up: "tensor" } as const;
const GATED_GRADIENT = { grad: "tensor", ...GATED } as const;

export const elementwiseKernels: readonly Kernel<GpujsTypes>[] = [
  unary(negOp, "-x"),
  unary(expOp, "Math.exp(x)"),
  unary(logOp, "Math.log(x)"),
  unary(sqrtOp, "Math.sqrt(x)"),
  unary(rsqrtOp, "1.0 / Math.sqrt(x)"),
  unary(absOp, "Math.abs(x)"),
  unary(tanhOp, "hyperbolic(x)"),
  unary(sigmoidOp, "logistic(x)"),
  unary(reluOp, "activateRelu(x)"),
  unary(erfOp, "errorFunction(x)"),
  unary(geluOp, "activateGelu(x)"),
  unary(geluTanhOp, "activateGeluTanh(x)"),
  unary(siluOp, "activateSilu(x)"),
  binary(addOp, "a + b"),
  binary(subOp, "a - b"),
  binary(mulOp, "a * b"),
  binary(divOp, "a / b"),
  binary(maximumOp, "a > b ? a : b"),
  binary(minimumOp, "a < b ? a : b"),
  binary(greaterOp, "a > b ? 1.0 : 0.0"),
  binary(equalOp, "a === b ? 1.0 : 0.0"),
  implement(selectOp, (encoder, { condition, a, b }, { y }) => {
    const operands = [condition, a, b].map((tensor) => ({ tensor, strides: broadcastStrides(tensor.shape, y.shape) }));
    mapStrided(encoder, "f32_select", "a === 0.0 ? c : b", y, operands);
  }),
  implement(activationGradientOp, (encoder, { grad, x }, { y }, { activation }) => {
    const parameters = { grad: "tensor", X: "tensor" } as const;
    const body = `const x = X[i]; const g = grad[i]; ${SLOPES[activation]}`;
    encoder.pass({ name: `f32_${activation.replace("-", "_")}_gradient`, parameters, body }, y, { grad, X: x });
  }),
  implement(siluMulOp, (encoder, { gate, up }, { y }) =>
    encoder.pass({ name: "f32_silu_mul", parameters: GATED, body: "return activateSilu(gate[i]) * up[i];" }, y, { gate, up }),
  ),
  implement(siluMulGradientOp, (encoder, { grad, gate, up }, to) => {
    const toGate = "const x = gate[i]; const s = logistic(x); return grad[i] * up[i] * s * (1.0 + x * (1.0 - s));";
    encoder.pass({ name: "f32_silu_mul_gradient_gate", parameters: GATED_GRADIENT, body: toGate }, to.gate, { grad, gate, up });
    const parameters = { grad: "tensor", gate: "tensor" } as const;
    encoder.pass({ name: "f32_silu_mul_gradient_up", parameters, body: "return grad[i] * activateSilu(gate[i]);" }, to.up, { grad, gate });
  }),
];
