/** What the gradients of attention share: the type rule and cases, made from attention's own. */
import type { DType } from "../../dtype.ts";
import type { HostTensor, TensorType } from "../../host.ts";
import type { OpCase } from "../../op.ts";
import { attend, attentionCases, inferAttention, type AttentionAttrs, type AttentionInputs } from "./attention.ts";
import { sampler } from "./cases.ts";
import { expectShape, floatType } from "./check.ts";

export interface AttentionGradientInputs<T> extends AttentionInputs<T> {
  readonly grad: T;
  readonly y: T;
  readonly logSumExp: T;
}

export function inferAttentionGradient(op: string, inputs: AttentionGradientInputs<TensorType>, attrs: AttentionAttrs): DType {
  const { query, grad, y, logSumExp } = inputs;
  const { dtype, rows } = inferAttention(op, inputs, attrs);
  floatType(op, { query, grad, y, logSumExp });
  expectShape(op, "grad", grad, query.shape);
  expectShape(op, "y", y, query.shape);
  expectShape(op, "logSumExp", logSumExp, rows);
  return dtype;
}

type Case = OpCase<"query" | "key" | "value" | "grad" | "y" | "logSumExp", "lengths" | "starts" | "bias", AttentionAttrs>;

export function* attentionGradientCases(): Generator<Case> {
  for (const one of attentionCases()) {
    const grad: HostTensor = sampler(`grad ${one.name}`).f32(one.inputs.query.shape);
    yield {
      ...one,
      checkGradient: [],
      inputs: { ...one.inputs, grad, ...attend(one.inputs, one.attrs) },
      tolerance: 5e-5,
      why: `${one.why}, and differences of like size`,
    };
  }
}
