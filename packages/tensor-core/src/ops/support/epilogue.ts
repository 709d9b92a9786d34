/** What linear ops of every storage do last: y = activation(sum) + residual. */
import { ACTIVATIONS, type Activation } from "./math.ts";
import type { HostTensor, TensorType } from "../../host.ts";
import type { Dim } from "../../dim.ts";
import type { Sampler } from "./cases.ts";
import { dataOf, make, type OwnTensor } from "./host.ts";
import { expectDim, expectShape, floatType } from "./check.ts";

export interface LinearInputs<T> {
  readonly x: T;
  readonly bias?: T | undefined;
  readonly residual?: T | undefined;
}

/** Type of y for x `[…, features]` and a weight of `out` rows; checks bias `[out]` and residual. */
export function inferLinear(op: string, { x, bias, residual }: LinearInputs<TensorType>, out: Dim, features: Dim): TensorType {
  const dtype = floatType(op, { x, bias, residual });
  expectDim(op, "x", x.shape.at(-1) ?? 1, features);
  const shape = [...x.shape.slice(0, -1), out];
  if (bias !== undefined) expectShape(op, "bias", bias, [out]);
  if (residual !== undefined) expectShape(op, "residual", residual, shape);
  return { dtype, shape };
}

/**
 * y[i, o] = activation(Σ_k x[i, k]·weight(o)[k] + bias[o]) + residual[i, o], of the type of x.
 *
 * @param out rows of the weight.
 * @param weightRow row o of the weight; asked for once.
 * @param values what is taken in place of x.
 */
export function referenceLinear(
  { x, bias, residual }: LinearInputs<HostTensor>,
  out: number,
  activation: Activation,
  weightRow: (row: number) => ArrayLike<number>,
  values: HostTensor = x,
): OwnTensor {
  const y = make(x.dtype, [...x.shape.slice(0, -1), out]);
  const features = x.shape.at(-1)!;
  const source = dataOf(values);
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

/** From the case of a plain product the same with all that comes last: a bias, silu and a residual. */
export function withEpilogue<Case extends { readonly name: string; readonly inputs: object; readonly attrs: object }>(
  plain: Case,
  { f32 }: Sampler,
  [tokens, out]: readonly [number, number],
  tolerance: number,
): Case {
  return {
    ...plain,
    name: `silu with bias and residual, ${plain.name}`,
    inputs: { ...plain.inputs, bias: f32([out]), residual: f32([tokens, out]) },
    attrs: { ...plain.attrs, activation: "silu" satisfies Activation },
    tolerance,
    checkGradient: [],
  };
}
