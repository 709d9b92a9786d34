import { expectDim, expectShape, expectThat, floatType } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make, rowsOf, type NumberArray } from "./support/host.ts";
import { showShape } from "../dim.ts";
import { leadingAxes, sameAxis } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

export interface RmsNormAttrs {
  readonly epsilon: number;
}

/** y = x·weight / √(mean(x²) + ε) along the last axis (Zhang and Sennrich, "Root mean square layer normalization", 2019, equation 4). */
export const rmsNormOp: Op<"rms-norm", "x" | "weight", never, "y", RmsNormAttrs> = defineOp({
  name: "rms-norm",
  inputs: ["x", "weight"],
  outputs: ["y"],
  rowwise: "x",
  infer: (inputs, _attrs: RmsNormAttrs) => {
    const { x, weight } = inputs;
    expectThat(x.shape.length > 0, "rms-norm", "x", "at least one axis", showShape(x.shape));
    expectShape("rms-norm", "weight", weight, [x.shape.at(-1)!]);
    return { y: { dtype: floatType("rms-norm", inputs), shape: x.shape } };
  },
  axes: (_inputs, { y }) => [...leadingAxes("x", "y", y.shape.length), sameAxis("weight", 0, "y", y.shape.length - 1)],
  reference: ({ x, weight }, { epsilon }) => {
    const { count, length } = rowsOf(x.shape);
    const y = make(x.dtype, x.shape);
    const [data, scale] = [dataOf(x), dataOf(weight)];
    for (let row = 0; row < count; row++) {
      const inverse = inverseRms(data, row * length, length, epsilon);
      for (let i = 0; i < length; i++) y.data[row * length + i] = data[row * length + i]! * inverse * scale[i]!;
    }
    return { y };
  },
  gradient: ({ y }, { x, weight }, _outputs, attrs) => (y === undefined ? {} : apply(rmsNormGradientOp, { x, weight, grad: y }, attrs)),
  cases: function* () {
    const rest = { attrs: { epsilon: 1e-5 }, tolerance: 1e-5, why: "an f32 sum of up to 67 squares and a square root" };
    for (const shape of [...ODD_SIZES.map((size) => [3, size]), [67], [2, 3, 5]]) {
      const name = `[${shape.join()}]`;
      const { f32 } = sampler(name);
      yield { name, inputs: { x: f32(shape, -2, 2), weight: f32(shape.slice(-1)) }, ...rest };
    }
    const long = sampler("long rows").f32;
    yield { name: "long rows", inputs: { x: long([2, 1030], -2, 2), weight: long([1030]) }, ...rest, checkGradient: [] };
    const { f32 } = sampler("small");
    yield { name: "below epsilon", inputs: { x: f32([2, 9], -1e-3, 1e-3), weight: f32([9]) }, ...rest, checkGradient: ["weight"] };
  },
});

/**
 * Gradient of rms-norm: with r = 1/√(mean(x²) + ε) and n columns,
 * dx = r·(weight·grad − x·r²·Σ(weight·grad·x)/n) and dweight = Σ over rows of grad·x·r.
 */
export const rmsNormGradientOp: Op<"rms-norm-gradient", "x" | "weight" | "grad", never, "x" | "weight", RmsNormAttrs> = defineOp({
  name: "rms-norm-gradient",
  inputs: ["x", "weight", "grad"],
  outputs: ["x", "weight"],
  infer: (inputs, _attrs: RmsNormAttrs) => {
    const { x, weight, grad } = inputs;
    const dtype = floatType("rms-norm-gradient", inputs);
    expectShape("rms-norm-gradient", "grad", grad, x.shape);
    expectDim("rms-norm-gradient", "weight", weight.shape[0]!, x.shape.at(-1)!);
    return { x: { dtype, shape: x.shape }, weight: { dtype, shape: weight.shape } };
  },
  reference: ({ x, weight, grad }, { epsilon }) => {
    const { count, length } = rowsOf(x.shape);
    const toX = make(x.dtype, x.shape);
    const totals = new Float64Array(length);
    const [data, scale, grads] = [dataOf(x), dataOf(weight), dataOf(grad)];
    for (let row = 0; row < count; row++) {
      const start = row * length;
      const inverse = inverseRms(data, start, length, epsilon);
      let along = 0;
      for (let i = 0; i < length; i++) along += scale[i]! * grads[start + i]! * data[start + i]!;
      for (let i = 0; i < length; i++) {
        toX.data[start + i] = inverse * (scale[i]! * grads[start + i]! - (data[start + i]! * inverse ** 2 * along) / length);
        totals[i]! += grads[start + i]! * data[start + i]! * inverse;
      }
    }
    const toWeight = make(weight.dtype, weight.shape);
    toWeight.data.set(totals);
    return { x: toX, weight: toWeight };
  },
  cases: function* () {
    for (const shape of [...ODD_SIZES.map((size) => [3, size]), [67], [2, 3, 5]]) {
      const name = `[${shape.join()}]`;
      const { f32 } = sampler(name);
      const inputs = { x: f32(shape, -2, 2), weight: f32(shape.slice(-1)), grad: f32(shape) };
      yield { name, inputs, attrs: { epsilon: 1e-5 }, tolerance: 2e-5, why: "f32 sums of up to 67 products, and differences of like size" };
    }
  },
});

/** x·weight / √(mean(x²) + ε) along the last axis: x `[…, n]`, weight `[n]`. */
export function rmsNorm(x: Value, weight: Value, epsilon: number): Value {
  return apply(rmsNormOp, { x, weight }, { epsilon }).y;
}

function inverseRms(data: NumberArray, start: number, length: number, epsilon: number): number {
  let squares = 0;
  for (let i = 0; i < length; i++) squares += data[start + i]! ** 2;
  return 1 / Math.sqrt(squares / length + epsilon);
}
