/** What softmax, its logarithm and the losses share: rows along the last axis. */
import { showShape } from "../../dim.ts";
import { f32, type HostTensor, type TensorType } from "../../host.ts";
import type { OpCase } from "../../op.ts";
import { ODD_SIZES, sampler } from "./cases.ts";
import { expectThat, floatType, type NoAttrs } from "./check.ts";
import { dataOf, make, rowsOf, type NumberArray } from "./host.ts";

export function inferRows(op: string, x: TensorType): TensorType {
  expectThat(x.shape.length > 0, op, "x", "at least one axis", showShape(x.shape));
  return { dtype: floatType(op, { x }), shape: x.shape };
}

/** y = f(x, log Σe^x of its row). */
export function mapRows(x: HostTensor, f: (element: number, logSum: number) => number): HostTensor {
  const { count, length } = rowsOf(x.shape);
  const y = make(x.dtype, x.shape);
  for (let row = 0; row < count; row++) {
    const elements = dataOf(x).subarray(row * length, (row + 1) * length);
    const logSum = logSumExp(elements);
    elements.forEach((element, i) => (y.data[row * length + i] = f(element, logSum)));
  }
  return y;
}

/** log Σe^x, the maximum taken out first. */
export function logSumExp(elements: NumberArray): number {
  let largest = -Infinity;
  for (const element of elements) largest = Math.max(largest, element);
  let total = 0;
  for (const element of elements) total += Math.exp(element - largest);
  return largest + Math.log(total);
}

export function* softmaxCases(): Generator<OpCase<"x", never, NoAttrs>> {
  const rest = { attrs: {}, tolerance: 1e-5, why: "f32 polynomials for exp and log, sums in any order" };
  for (const size of ODD_SIZES) yield { name: `[3, ${size}]`, inputs: { x: sampler(`${size}`).f32([3, size], -4, 4) }, ...rest };
  yield { name: "[2, 2, 3, 5]", inputs: { x: sampler("deep").f32([2, 2, 3, 5], -4, 4) }, ...rest };
  yield { name: "long rows", inputs: { x: sampler("long rows").f32([2, 1030], -4, 4) }, ...rest, checkGradient: [] };
  yield { name: "one axis", inputs: { x: sampler("one axis").f32([67], -4, 4) }, ...rest };
  yield {
    name: "far apart",
    inputs: { x: f32([3, 4], [80, -80, 0, 79, 1e4, 1e4, -1e4, 0, -1e9, -1e9, 2, 1]) },
    ...rest,
    checkGradient: [],
  };
}
