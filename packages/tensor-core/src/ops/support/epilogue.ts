/** What linear ops of every storage do last: y = activation(sum) + residual. */
import { ACTIVATIONS, type Activation } from "./math.ts";
import type { HostTensor, TensorType } from "../../host.ts";
import type { Dim, Shape } from "../../dim.ts";
import { dataOf, type OwnTensor } from "./host.ts";
import { expectDim, expectShape } from "./check.ts";

export interface LinearInputs<T> {
  readonly x: T;
  readonly bias?: T | undefined;
  readonly residual?: T | undefined;
}

/** Shape of y for x `[…, features]` and a weight of `out` rows; checks bias `[out]` and residual. */
export function expectLinear(op: string, { x, bias, residual }: LinearInputs<TensorType>, out: Dim, features: Dim): Shape {
  expectDim(op, "x", x.shape.at(-1) ?? 1, features);
  const shape = [...x.shape.slice(0, -1), out];
  if (bias !== undefined) expectShape(op, "bias", bias, [out]);
  if (residual !== undefined) expectShape(op, "residual", residual, shape);
  return shape;
}

/**
 * Fills y row by row: y[i, o] = activation(Σ_k x[i, k]·weight(o)[k] + bias[o]) + residual[i, o].
 *
 * @param weightRow row o of the weight; asked for once.
 */
export function fillLinear(
  y: OwnTensor,
  { x, bias, residual }: LinearInputs<HostTensor>,
  activation: Activation,
  weightRow: (row: number) => ArrayLike<number>,
): OwnTensor {
  const features = x.shape.at(-1)!;
  const out = y.shape.at(-1)!;
  const source = dataOf(x);
  const f = ACTIVATIONS[activation];
  for (let o = 0; o < out; o++) {
    const row = weightRow(o);
    for (let i = 0; i < y.data.length / out; i++) {
      let total = bias === undefined ? 0 : dataOf(bias)[o]!;
      for (let k = 0; k < features; k++) total += source[i * features + k]! * row[k]!;
      y.data[i * out + o] = f(total) + (residual === undefined ? 0 : dataOf(residual)[i * out + o]!);
    }
  }
  return y;
}
