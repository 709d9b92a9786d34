import { expectDType, expectShape } from "./support/check.ts";
import { sampler } from "./support/cases.ts";
import { inferLinear, referenceLinear, withEpilogue } from "./support/epilogue.ts";
import { expectHalves, halfRow, halfSamples, largestHalf } from "./support/half.ts";
import { dataOf, make, type OwnTensor } from "./support/host.ts";
import type { Activation } from "./support/math.ts";
import { fromF16, toF16, viewArray } from "../dtype.ts";
import { apply, type Value } from "../graph.ts";
import { f32, type HostTensor } from "../host.ts";
import { defineOp, type Op, type OpCase } from "../op.ts";

export interface LinearF16Attrs {
  /** Columns of the weight. */
  readonly features: number;
  readonly activation: Activation;
}

/**
 * y = activation(round(x)·Wᵀ + bias) + residual over a weight of f16, with each row of x rounded to f16: products are f16, and up to 16
 * of them are added up in f16 before their sum joins one in f32. `largest` `[1]` is the largest magnitude in W.
 *
 * A row of x is first brought, by a power of two, as high as sums of 16 products with `largest` leave room for in f16: nothing overflows,
 * whatever x and W are, and what gets lost below is under 2⁻²⁴ of the row's largest. Without a gradient: rounding has none.
 */
export const linearF16Op: Op<"linear-f16", "x" | "halves" | "largest", "bias" | "residual", "y", LinearF16Attrs> = defineOp({
  name: "linear-f16",
  inputs: ["x", "halves", "largest"],
  optional: ["bias", "residual"],
  outputs: ["y"],
  epilogue: true,
  infer: (inputs, { features }: LinearF16Attrs) => {
    const out = expectHalves("linear-f16", inputs.halves, { format: "f16", features });
    expectDType("linear-f16", "largest", inputs.largest, "f32");
    expectShape("linear-f16", "largest", inputs.largest, [1]);
    return { y: inferLinear("linear-f16", inputs, out, features) };
  },
  reference: (inputs, { features, activation }) => {
    const { x, halves, largest } = inputs;
    const rounded = roundHalves(x, features, dataOf(largest)[0]!);
    const weightRow = (row: number): Float64Array => halfRow(halves, { format: "f16", features }, row);
    return { y: referenceLinear(inputs, halves.shape[0]!, activation, weightRow, rounded) };
  },
  cases: function* () {
    yield* edges();
    const why = "x is rounded alike; up to 1024 products and sums of 16 of them are rounded to 11 bits, either way";
    for (const { name, halves, attrs, rows } of halfSamples()) {
      const { format, features } = attrs;
      if (format !== "f16") continue;
      const largest = f32([1], [largestHalf(viewArray("f16", halves.data as Uint8Array) as Uint16Array)]);
      const tolerance = features > 70 ? 3e-2 : 6e-3;
      for (const tokens of [1, 3, 4, 9]) {
        const label = `${tokens} tokens, ${name}`;
        const draw = sampler(label);
        const x = draw.f32([tokens, features]);
        if (tokens === 9) spread(dataOf(x), features);
        const inputs = { halves, largest, x };
        const plain = { name: label, inputs, attrs: { features, activation: "none" as Activation }, tolerance, why, checkGradient: [] };
        yield plain;
        yield withEpilogue(plain, draw, [tokens, rows], 2 * tolerance);
      }
    }
  },
});

type Case = OpCase<"x" | "halves" | "largest", "bias" | "residual", LinearF16Attrs>;

/** One output over equal weights: what x is rounded to, where the product is exact, and the largest sums that there can be. */
function* edges(): Generator<Case> {
  const over = (weight: number, features: number, x: readonly number[]): Pick<Case, "inputs" | "attrs" | "checkGradient"> => ({
    inputs: {
      halves: { dtype: "u8", shape: [1, 2 * features], data: new Uint8Array(new Uint16Array(features).fill(toF16(weight)).buffer) },
      largest: f32([1], [weight]),
      x: f32([x.length / features, features], x),
    },
    attrs: { features, activation: "none" },
    checkGradient: [],
  });
  const tie = 2 ** -11;
  const x = [1 + tie, 1 + 3 * tie, -1 - tie, Math.PI, 1e5 / 3, -1e-5 / 3];
  yield { name: "rounding alone", ...over(1, 1, x), tolerance: 0, why: "x times 1 is exact" };
  for (const tokens of [2, 7]) {
    const largest = over(65504, 33, Array(33 * tokens).fill(1.9999));
    yield { name: `the largest sums, ${tokens} tokens`, ...largest, tolerance: 2e-3, why: "sums of 16 products are rounded to 11 bits" };
  }
}

/** Rows of very different sizes: of numbers far below what f16 holds, of small ones, of zeros, and with one far beyond it. */
function spread(x: Float64Array | Float32Array | Int32Array | Uint8Array, features: number): void {
  [1e-30, 1e-4, 0, 0].forEach((factor, row) => {
    for (let i = row * features; i < (row + 1) * features; i++) x[i]! *= factor;
  });
  x[4 * features - 1] = 1e6;
}

/** x `[…, features]` with each row rounded as this op rounds it, f64; `largest` is that of the weight. */
export function roundHalves(x: HostTensor, features: number, largest: number): HostTensor & OwnTensor {
  const source = dataOf(x);
  const y = make("f64", x.shape);
  // 16·2^room·largest is at most 65504, the largest f16, and 2^room one itself.
  const room = Math.min(15, 11 - exponentOf(largest));
  for (let row = 0; row < source.length; row += features) {
    let most = 0;
    for (let i = row; i < row + features; i++) most = Math.max(most, Math.abs(source[i]!));
    const unit = 2 ** Math.min(126, Math.max(-126, exponentOf(most) + 1 - room));
    for (let i = row; i < row + features; i++) y.data[i] = unit * fromF16(toF16(source[i]! / unit));
  }
  return y;
}

/** ⌊log₂ value⌋ as f32 has it: −127 for 0. */
function exponentOf(value: number): number {
  return (new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 23) - 127;
}

/** activation(x·Wᵀ + bias) in f16, with W `[out, features]` kept in f16: x `[…, features]` → `[…, out]`. */
export function linearF16(
  inputs: { readonly x: Value; readonly halves: Value; readonly largest: Value; readonly bias?: Value | undefined },
  attrs: LinearF16Attrs,
): Value {
  return apply(linearF16Op, inputs, attrs).y;
}
