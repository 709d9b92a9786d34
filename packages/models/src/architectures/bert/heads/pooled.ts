/** The first token's state through a dense layer: what classification and multiple choice stand on. */
import type { Value } from "@pare/tensor-core";
import type { WeightSpec } from "../../../architecture.ts";
import { notExpressible } from "../../../errors.ts";
import type { BertConfig, EncoderActivation } from "../config.ts";
import type { EncoderVariant, HeadScope } from "../head.ts";
import { activate, dense, denseWeights, firstToken } from "../parts.ts";

export interface PooledOptions {
  readonly activation: EncoderActivation;
}

export function pooledWeights({ hiddenSize }: BertConfig, classes: number): WeightSpec[] {
  return [...denseWeights("head.dense", hiddenSize, hiddenSize), ...denseWeights("head.output", classes, hiddenSize)];
}

/** `[batch, seq, hidden]` → `[batch, classes]`. */
export function pooledForward({ scope }: HeadScope, hidden: Value, { activation }: PooledOptions): Value {
  return dense(scope, "head.output", activate(activation, dense(scope, "head.dense", firstToken(hidden))));
}

/** Throws `models/not-expressible` where the variant puts another function between the matrices. */
export function checkPooled({ activation }: PooledOptions, { pooled }: EncoderVariant): void {
  if (activation !== pooled) throw notExpressible({ file: "config.json", field: "head.activation", expected: pooled, found: activation });
}
