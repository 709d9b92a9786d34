/** The first token's state through a dense layer: what classification and multiple choice stand on. */
import type { Value } from "@pare/tensor-core";
import type { WeightSpec } from "../../../architecture.ts";
import { notExpressible } from "../../../errors.ts";
import type { EncoderActivation } from "../config.ts";
import type { HeadedConfig, HeadScope, HeadVariant } from "../head.ts";
import { activate, dense, denseWeights, firstToken } from "../parts.ts";

export interface PooledOptions {
  readonly activation: EncoderActivation;
}

export function pooledWeights({ hiddenSize }: HeadedConfig, classes: number): WeightSpec[] {
  return [...denseWeights("head.dense", hiddenSize, hiddenSize), ...denseWeights("head.output", classes, hiddenSize)];
}

/** `[batch, seq, hidden]` → `[batch, classes]`. */
export function pooledForward(at: HeadScope, hidden: Value, options: PooledOptions): Value {
  return classesOf(at, firstToken(hidden), options);
}

/** `[batch, hidden]` of one token of each row → `[batch, classes]`. */
export function classesOf({ scope }: HeadScope, token: Value, { activation }: PooledOptions): Value {
  return dense(scope, "head.output", activate(activation, dense(scope, "head.dense", token)));
}

/** Throws `models/not-expressible` where the variant puts another function between the matrices. */
export function checkPooled({ activation }: PooledOptions, { pooled }: HeadVariant): void {
  if (activation !== pooled) throw notExpressible({ file: "config.json", field: "head.activation", expected: pooled, found: activation });
}
