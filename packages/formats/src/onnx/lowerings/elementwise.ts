import {
  absOp,
  addOp,
  castOp,
  divOp,
  equalOp,
  erfOp,
  expOp,
  geluOp,
  geluTanhOp,
  greaterOp,
  logOp,
  maximumOp,
  minimumOp,
  mulOp,
  negOp,
  reluOp,
  rsqrtOp,
  selectOp,
  sigmoidOp,
  siluMulOp,
  siluOp,
  sqrtOp,
  subOp,
  tanhOp,
  type Activation,
  type BinaryOp,
  type CompareOp,
  type UnaryOp,
} from "@pare/tensor-core";
import type { OnnxBuilder, OnnxValue } from "../builder.ts";
import { onnxLowering, type OnnxLowering } from "../lowering.ts";

function unary(op: UnaryOp<string>, opType: string): OnnxLowering {
  return onnxLowering(op, (builder, { x }) => ({ y: builder.node(opType, [x]) }));
}

function binary(op: BinaryOp<string>, opType: string): OnnxLowering {
  return onnxLowering(op, (builder, { a, b }) => ({ y: builder.node(opType, [a, b]) }));
}

function compare(op: CompareOp<string>, opType: string): OnnxLowering {
  return onnxLowering(op, (builder, { a, b }) => ({ y: builder.cast(builder.node(opType, [a, b]), builder.float) }));
}

const silu = (builder: OnnxBuilder, x: OnnxValue): OnnxValue => builder.node("Mul", [x, builder.node("Sigmoid", [x])]);

/** The activations that `linear` may have taken into itself. */
export function activated(builder: OnnxBuilder, x: OnnxValue, activation: Activation): OnnxValue {
  const of: Readonly<Record<Activation, () => OnnxValue>> = {
    none: () => x,
    relu: () => builder.node("Relu", [x]),
    gelu: () => builder.node("Gelu", [x]),
    "gelu-tanh": () => builder.node("Gelu", [x], { approximate: "tanh" }),
    silu: () => silu(builder, x),
  };
  return of[activation]();
}

export const elementwise: readonly OnnxLowering[] = [
  unary(absOp, "Abs"),
  unary(erfOp, "Erf"),
  unary(expOp, "Exp"),
  unary(logOp, "Log"),
  unary(negOp, "Neg"),
  unary(reluOp, "Relu"),
  unary(sigmoidOp, "Sigmoid"),
  unary(sqrtOp, "Sqrt"),
  unary(tanhOp, "Tanh"),
  binary(addOp, "Add"),
  binary(divOp, "Div"),
  binary(maximumOp, "Max"),
  binary(minimumOp, "Min"),
  binary(mulOp, "Mul"),
  binary(subOp, "Sub"),
  compare(equalOp, "Equal"),
  compare(greaterOp, "Greater"),
  onnxLowering(rsqrtOp, (builder, { x }) => ({ y: builder.node("Reciprocal", [builder.node("Sqrt", [x])]) })),
  onnxLowering(geluOp, (builder, { x }) => ({ y: activated(builder, x, "gelu") })),
  onnxLowering(geluTanhOp, (builder, { x }) => ({ y: activated(builder, x, "gelu-tanh") })),
  onnxLowering(siluOp, (builder, { x }) => ({ y: silu(builder, x) })),
  onnxLowering(siluMulOp, (builder, { gate, up }) => ({ y: builder.node("Mul", [silu(builder, gate), up]) })),
  onnxLowering(selectOp, (builder, { condition, a, b }) => ({ y: builder.node("Where", [builder.cast(condition, "bool"), a, b]) })),
  onnxLowering(castOp, (builder, { x }, { attrs }) => ({ y: builder.cast(x, attrs.dtype === "f32" ? builder.float : attrs.dtype) })),
];
