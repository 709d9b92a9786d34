import { expectShape, floatType, type NoAttrs } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make } from "./support/host.ts";
import { ACTIVATIONS, sigmoid } from "./support/math.ts";
import { alignedAxes } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

/** silu(gate)·up, the gated unit of SwiGLU (Shazeer, "GLU variants improve transformer", 2020). */
export const siluMulOp: Op<"silu-mul", "gate" | "up", never, "y", NoAttrs> = defineOp({
  name: "silu-mul",
  inputs: ["gate", "up"],
  outputs: ["y"],
  inPlace: ["gate", "up"],
  infer: (inputs) => {
    expectShape("silu-mul", "up", inputs.up, inputs.gate.shape);
    return { y: { dtype: floatType("silu-mul", inputs), shape: inputs.gate.shape } };
  },
  axes: (inputs, { y }) => alignedAxes(inputs, y),
  reference: ({ gate, up }) => {
    const y = make(gate.dtype, gate.shape);
    const [gates, ups] = [dataOf(gate), dataOf(up)];
    for (let i = 0; i < gates.length; i++) y.data[i] = ACTIVATIONS.silu(gates[i]!) * ups[i]!;
    return { y };
  },
  gradient: ({ y }, { gate, up }) => (y === undefined ? {} : apply(siluMulGradientOp, { grad: y, gate, up }, {})),
  cases: function* () {
    for (const shape of [...ODD_SIZES.map((size) => [size]), [2, 3, 5]]) {
      const name = `[${shape.join()}]`;
      const { f32 } = sampler(name);
      yield { name, inputs: { gate: f32(shape, -6, 6), up: f32(shape) }, attrs: {}, tolerance: 5e-6, why: "an f32 polynomial for exp" };
    }
  },
});

/** Gradient of silu-mul: with s = σ(gate), dgate = grad·up·s·(1 + gate·(1 − s)) and dup = grad·gate·s. */
export const siluMulGradientOp: Op<"silu-mul-gradient", "grad" | "gate" | "up", never, "gate" | "up", NoAttrs> = defineOp({
  name: "silu-mul-gradient",
  inputs: ["grad", "gate", "up"],
  outputs: ["gate", "up"],
  infer: (inputs) => {
    const dtype = floatType("silu-mul-gradient", inputs);
    const { shape } = inputs.grad;
    expectShape("silu-mul-gradient", "gate", inputs.gate, shape);
    expectShape("silu-mul-gradient", "up", inputs.up, shape);
    return { gate: { dtype, shape }, up: { dtype, shape } };
  },
  reference: ({ grad, gate, up }) => {
    const toGate = make(gate.dtype, gate.shape);
    const toUp = make(up.dtype, up.shape);
    const [grads, gates, ups] = [dataOf(grad), dataOf(gate), dataOf(up)];
    for (let i = 0; i < grads.length; i++) {
      const s = sigmoid(gates[i]!);
      toGate.data[i] = grads[i]! * ups[i]! * s * (1 + gates[i]! * (1 - s));
      toUp.data[i] = grads[i]! * gates[i]! * s;
    }
    return { gate: toGate, up: toUp };
  },
  cases: function* () {
    for (const shape of [...ODD_SIZES.map((size) => [size]), [2, 3, 5]]) {
      const name = `[${shape.join()}]`;
      const { f32 } = sampler(name);
      const inputs = { grad: f32(shape), gate: f32(shape, -6, 6), up: f32(shape) };
      yield { name, inputs, attrs: {}, tolerance: 1e-5, why: "an f32 polynomial for exp and four products" };
    }
  },
});

/** silu(gate)·up, element by element. */
export function siluMul(gate: Value, up: Value): Value {
  return apply(siluMulOp, { gate, up }, {}).y;
}
