import { expectDType, expectRank } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { inferLinear, referenceLinear } from "./support/epilogue.ts";
import { dataOf } from "./support/host.ts";
import { matmul } from "./matmul.ts";
import { sum } from "./broadcast.ts";
import { reshape } from "./reshape.ts";
import { symbolicSize } from "../dim.ts";
import { gradientMissing } from "../errors.ts";
import { alignedAxes, leadingAxes, sameAxis } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op, type OpCase } from "../op.ts";
import type { Activation } from "./support/math.ts";

export interface LinearAttrs {
  readonly activation: Activation;
}

/** y = activation(x·Wᵀ + bias) + residual, for x `[…, in]`, weight `[out, in]`, bias `[out]`, residual and y `[…, out]`. */
export const linearOp: Op<"linear", "x" | "weight", "bias" | "residual", "y", LinearAttrs> = defineOp({
  name: "linear",
  inputs: ["x", "weight"],
  optional: ["bias", "residual"],
  outputs: ["y"],
  epilogue: true,
  infer: (inputs, _attrs: LinearAttrs) => {
    expectRank("linear", "weight", inputs.weight, 2);
    const [out, features] = inputs.weight.shape as [number, number];
    const y = inferLinear("linear", inputs, out, features);
    expectDType("linear", "weight", inputs.weight, y.dtype);
    return { y };
  },
  axes: ({ x, bias, residual }, { y }) => [
    ...leadingAxes("x", "y", x.shape.length - 1),
    sameAxis("x", x.shape.length - 1, "weight", 1),
    sameAxis("y", x.shape.length - 1, "weight", 0),
    ...alignedAxes({ bias, residual }, y),
  ],
  reference: (inputs, { activation }) => {
    const [out, features] = inputs.weight.shape as [number, number];
    const weight = dataOf(inputs.weight);
    return { y: referenceLinear(inputs, out, activation, (row) => weight.subarray(row * features, (row + 1) * features)) };
  },
  gradient: ({ y: g }, { x, weight, bias, residual }, _outputs, { activation }) => {
    if (g === undefined) return {};
    if (activation !== "none" || residual !== undefined)
      throw gradientMissing({ op: "linear", why: "it is fused; differentiate before fusing" });
    const rows = symbolicSize(x.shape.slice(0, -1));
    const flat = reshape(g, [rows, weight.shape[0]!]);
    return {
      x: reshape(matmul(flat, weight), x.shape),
      weight: matmul(flat, reshape(x, [rows, weight.shape[1]!]), { transposeA: true }),
      ...(bias === undefined ? {} : { bias: sum(flat, [0]) }),
    };
  },
  flops: ({ x, weight }) => 2 * (symbolicSize(x.shape) as number) * (weight.shape[0] as number),
  cases: () => linearCases(),
});

/** x·Wᵀ (+ bias). The weight may be a named leaf whose storage decides how this runs. */
export function linear(x: Value, weight: Value, bias?: Value): Value {
  const attrs: LinearAttrs = { activation: "none" };
  return apply(linearOp, { x, weight, bias }, attrs).y;
}

/** Past the panels and cache blocks that fast kernels cut a product into: many rows, one row, several batches. */
const LARGE: readonly (readonly [readonly number[], number])[] = [
  [[67, 517], 131],
  [[1, 1030], 259],
  [[2, 33, 64], 300],
];

function* linearCases(): Generator<OpCase<"x" | "weight", "bias" | "residual", LinearAttrs>> {
  const why = "sums of at most 100 products in f32, in any order";
  for (const size of ODD_SIZES) {
    for (const [shape, out] of [
      [[size, 5], 7],
      [[3, size], 9],
      [[2, 4], size],
    ] as const) {
      const name = `[${shape.join()}] to ${out}`;
      const { f32 } = sampler(name);
      yield { name, inputs: { x: f32(shape), weight: f32([out, shape[1]]) }, attrs: { activation: "none" }, tolerance: 1e-5, why };
    }
  }
  for (const [shape, out] of LARGE) {
    const { f32 } = sampler(`several blocks ${out}`);
    const inputs = { x: f32(shape), weight: f32([out, shape.at(-1)!]), bias: f32([out]), residual: f32([...shape.slice(0, -1), out]) };
    const rest = { tolerance: 1e-4, why: "sums of up to 1030 products in f32, in any order", checkGradient: [] };
    yield { name: `several blocks, [${shape.join()}] to ${out}`, inputs, attrs: { activation: "none" }, ...rest };
    yield { name: `silu of several blocks, [${shape.join()}] to ${out}`, inputs, attrs: { activation: "silu" }, ...rest };
  }
  for (const activation of ["none", "relu", "gelu", "gelu-tanh", "silu"] as const) {
    for (const shape of [
      [1, 33],
      [2, 3, 17],
      [5, 64],
      [9, 100],
    ]) {
      const name = `${activation} with bias and residual, [${shape.join()}]`;
      const { f32 } = sampler(name);
      const lead = shape.slice(0, -1);
      const inputs = { x: f32(shape), weight: f32([13, shape.at(-1)!]), bias: f32([13]), residual: f32([...lead, 13]) };
      yield { name, inputs, attrs: { activation }, tolerance: 2e-5, why: `${why}, and a polynomial`, checkGradient: [] };
    }
  }
  const { f32 } = sampler("linear bias");
  yield {
    name: "bias",
    inputs: { x: f32([4, 6]), weight: f32([5, 6]), bias: f32([5]) },
    attrs: { activation: "none" },
    tolerance: 1e-5,
    why,
  };
}
