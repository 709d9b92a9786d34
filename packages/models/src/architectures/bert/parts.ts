/** Pieces of BERT's kind that the encoder and its heads share. */
import { gelu, geluTanh, layerNorm, linear, relu, silu, slice, reshape, tanh, type Value } from "@pare/tensor-core";
import type { ModelScope, WeightSpec } from "../../architecture.ts";
import type { BertConfig, EncoderActivation } from "./config.ts";

/** Deviation of fresh weights in BERT's code. */
const SPREAD = { normal: 0.02 } as const;

const ACTIVATIONS: Readonly<Record<EncoderActivation, (x: Value) => Value>> = { gelu, "gelu-tanh": geluTanh, relu, silu, tanh };

export function activate(name: EncoderActivation, x: Value): Value {
  return ACTIVATIONS[name](x);
}

/** x·Wᵀ + b with the weights `name` and `name.bias`; sites `<name>.input` and `<name>`. */
export function dense({ tracer, weight }: ModelScope, name: string, x: Value): Value {
  return tracer.site(name, linear(tracer.site(`${name}.input`, x), weight(name), weight(biasOf(name))));
}

/** Layer norm with the weights `name` and `name.bias`. */
export function norm(
  { scope, config }: { readonly scope: ModelScope; readonly config: Pick<BertConfig, "epsilon"> },
  name: string,
  x: Value,
): Value {
  return layerNorm(x, scope.weight(name), scope.weight(biasOf(name)), config.epsilon);
}

/** The hidden state of every row's first token: `[batch, seq, hidden]` → `[batch, hidden]`. */
export function firstToken(hidden: Value): Value {
  const [batch, , width] = hidden.shape;
  return reshape(slice(hidden, [0, 0, 0], [batch!, 1, width!]), [batch!, width!]);
}

export function biasOf(name: string): string {
  return `${name}.bias`;
}

export function denseWeights(name: string, out: number, inputs: number): WeightSpec[] {
  return [linearWeight(name, out, inputs), biasWeight(name, out)];
}

/** A matrix without a bias. */
export function linearWeight(name: string, out: number, inputs: number): WeightSpec {
  return { name, shape: [out, inputs], role: "linear", initial: SPREAD };
}

export function biasWeight(name: string, width: number): WeightSpec {
  return { name: biasOf(name), shape: [width], role: "bias", initial: "zeros" };
}

export function normWeights(name: string, width: number): WeightSpec[] {
  return [{ name, shape: [width], role: "norm", initial: "ones" }, biasWeight(name, width)];
}

export function rowsWeight(name: string, count: number, width: number): WeightSpec {
  return { name, shape: [count, width], role: "rows", initial: SPREAD };
}
