import { expectDim, expectShape, expectThat, floatType } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make, rowsOf, type NumberArray } from "./support/host.ts";
import { showShape } from "../dim.ts";
import { leadingAxes, sameAxis } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

export interface LayerNormAttrs {
  readonly epsilon: number;
}

/** y = weight·(x − mean)/√(variance + ε) + bias along the last axis (Ba, Kiros and Hinton, "Layer normalization", 2016, equation 4). */
export const layerNormOp: Op<"layer-norm", "x" | "weight" | "bias", never, "y", LayerNormAttrs> = defineOp({
  name: "layer-norm",
  inputs: ["x", "weight", "bias"],
  outputs: ["y"],
  rowwise: "x",
  infer: (inputs, _attrs: LayerNormAttrs) => {
    const { x, weight, bias } = inputs;
    expectThat(x.shape.length > 0, "layer-norm", "x", "at least one axis", showShape(x.shape));
    expectShape("layer-norm", "weight", weight, [x.shape.at(-1)!]);
    expectShape("layer-norm", "bias", bias, [x.shape.at(-1)!]);
    return { y: { dtype: floatType("layer-norm", inputs), shape: x.shape } };
  },
  axes: (_inputs, { y }) => [
    ...leadingAxes("x", "y", y.shape.length),
    sameAxis("weight", 0, "y", y.shape.length - 1),
    sameAxis("bias", 0, "y", y.shape.length - 1),
  ],
  reference: ({ x, weight, bias }, { epsilon }) => {
    const { count, length } = rowsOf(x.shape);
    const y = make(x.dtype, x.shape);
    const [scale, shift] = [dataOf(weight), dataOf(bias)];
    for (let row = 0; row < count; row++) {
      const { normal } = normalise(dataOf(x).subarray(row * length, (row + 1) * length), epsilon);
      for (let i = 0; i < length; i++) y.data[row * length + i] = normal[i]! * scale[i]! + shift[i]!;
    }
    return { y };
  },
  gradient: ({ y }, { x, weight }, _outputs, attrs) => (y === undefined ? {} : apply(layerNormGradientOp, { x, weight, grad: y }, attrs)),
  cases: function* () {
    const rest = { attrs: { epsilon: 1e-5 }, tolerance: 2e-5, why: "f32 sums of up to 67 elements, a difference and a square root" };
    for (const shape of [...ODD_SIZES.map((size) => [3, size]), [67], [2, 3, 5]]) {
      const name = `[${shape.join()}]`;
      const { f32 } = sampler(name);
      yield { name, inputs: { x: f32(shape, -2, 2), weight: f32(shape.slice(-1)), bias: f32(shape.slice(-1)) }, ...rest };
    }
    const long = sampler("long rows").f32;
    yield {
      name: "long rows",
      inputs: { x: long([2, 1030], -2, 2), weight: long([1030]), bias: long([1030]) },
      ...rest,
      checkGradient: [],
    };
    const { f32 } = sampler("far from zero");
    const inputs = { x: f32([2, 33], 30, 34), weight: f32([33]), bias: f32([33]) };
    yield { name: "far from zero", inputs, ...rest, tolerance: 1e-4, why: "the mean of elements near 32 is good to 2⁻¹⁹ in f32" };
  },
});

/**
 * Gradient of layer-norm: with x̂ the normalised x, r = 1/√(variance + ε) and h = weight·grad,
 * dx = r·(h − mean(h) − x̂·mean(h·x̂)), dweight = Σ over rows of grad·x̂, dbias = Σ over rows of grad.
 */
export const layerNormGradientOp: Op<"layer-norm-gradient", "x" | "weight" | "grad", never, "x" | "weight" | "bias", LayerNormAttrs> =
  defineOp({
    name: "layer-norm-gradient",
    inputs: ["x", "weight", "grad"],
    outputs: ["x", "weight", "bias"],
    infer: (inputs, _attrs: LayerNormAttrs) => {
      const { x, weight, grad } = inputs;
      const dtype = floatType("layer-norm-gradient", inputs);
      expectShape("layer-norm-gradient", "grad", grad, x.shape);
      expectDim("layer-norm-gradient", "weight", weight.shape[0]!, x.shape.at(-1)!);
      return { x: { dtype, shape: x.shape }, weight: { dtype, shape: weight.shape }, bias: { dtype, shape: weight.shape } };
    },
    reference: ({ x, weight, grad }, { epsilon }) => {
      const { count, length } = rowsOf(x.shape);
      const toX = make(x.dtype, x.shape);
      const [toWeight, toBias] = [new Float64Array(length), new Float64Array(length)];
      const [scale, grads] = [dataOf(weight), dataOf(grad)];
      for (let row = 0; row < count; row++) {
        const start = row * length;
        const { normal, inverse } = normalise(dataOf(x).subarray(start, start + length), epsilon);
        let [total, along] = [0, 0];
        for (let i = 0; i < length; i++) {
          total += scale[i]! * grads[start + i]!;
          along += scale[i]! * grads[start + i]! * normal[i]!;
          toWeight[i]! += grads[start + i]! * normal[i]!;
          toBias[i]! += grads[start + i]!;
        }
        for (let i = 0; i < length; i++)
          toX.data[start + i] = inverse * (scale[i]! * grads[start + i]! - (total + normal[i]! * along) / length);
      }
      const outputs = { x: toX, weight: make(x.dtype, weight.shape), bias: make(x.dtype, weight.shape) };
      outputs.weight.data.set(toWeight);
      outputs.bias.data.set(toBias);
      return outputs;
    },
    cases: function* () {
      for (const shape of [...ODD_SIZES.map((size) => [3, size]), [67], [2, 3, 5]]) {
        const name = `[${shape.join()}]`;
        const { f32 } = sampler(name);
        const inputs = { x: f32(shape, -2, 2), weight: f32(shape.slice(-1)), grad: f32(shape) };
        yield {
          name,
          inputs,
          attrs: { epsilon: 1e-3 },
          tolerance: 5e-5,
          why: "f32 sums of up to 67 products, and differences of like size",
        };
      }
    },
  });

/** weight·(x − mean)/√(variance + ε) + bias along the last axis: x `[…, n]`, weight and bias `[n]`. */
export function layerNorm(x: Value, weight: Value, bias: Value, epsilon: number): Value {
  return apply(layerNormOp, { x, weight, bias }, { epsilon }).y;
}

/** (x − mean)/√(variance + ε) of one row, and the inverse root. */
function normalise(row: NumberArray, epsilon: number): { readonly normal: Float64Array; readonly inverse: number } {
  let total = 0;
  for (const element of row) total += element;
  const centered = Float64Array.from(row, (element) => element - total / row.length);
  const inverse = 1 / Math.sqrt(centered.reduce((squares, element) => squares + element ** 2, 0) / row.length + epsilon);
  return { normal: centered.map((element) => element * inverse), inverse };
}
