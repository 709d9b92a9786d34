/** What stands for a weight while it trains: leaves on the device, and how they make up the weight. */
import type { WeightSpec } from "@pare/models";
import {
  asFloat32,
  mul,
  quantizedTraining,
  type HostTensor,
  type SiteRequests,
  type StoredWeight,
  type Tracer,
  type Value,
} from "@pare/tensor-core";

export interface Leaf {
  readonly shape: readonly number[];
  /** f32. */
  readonly initial: () => Promise<HostTensor>;
  /** How the optimizer treats it; "constant": not at all. */
  readonly group: "decayed" | "plain" | "constant";
  /** Factor of the learning rate, default 1: gates and scores move much faster than weights. */
  readonly rate?: number | undefined;
}

/** A weight as a differentiable function of leaves: the weight itself, scores and a mask over it, its rounding. */
export interface TrainableView {
  /** By a name within the weight. */
  readonly leaves: Readonly<Record<string, Leaf>>;
  /** Traced: the weight `[…shape]` from its leaves, and from inputs that the run is given step by step. */
  readonly value: (leaf: (name: string) => Value, tracer: Tracer) => Value;
  /** The storage that the trained leaves stand for. */
  readonly finalise: (leaf: (name: string) => Promise<HostTensor>) => Promise<StoredWeight>;
}

/**
 * What a method adds to plain training: how weights stand in the loss, further terms of it, and what changes from step to step. All of
 * it follows from the step, so that a run which was cut off goes on as if it had not been.
 */
export interface Parametrisation {
  /** How each weight trains; default {@link trainAll}. */
  readonly views?: Views | undefined;
  /** What is asked for at sites of the model: dropping layers, rounding activations. */
  readonly sites?: SiteRequests | undefined;
  /** Traced, f32 `[]`: added to the objective's loss. Does not depend on the batch. */
  readonly penalty?: ((leaf: (weight: string, leaf: string) => Value, tracer: Tracer) => Value) | undefined;
  /** The inputs that views, sites and penalty declare, for the step after `done` others. */
  readonly inputs?: ((done: number, steps: number) => Readonly<Record<string, HostTensor>>) | undefined;
}

/** Chooses how a weight trains; "frozen": not at all, it runs in its own storage. */
export type Views = (spec: WeightSpec, stored: StoredWeight) => TrainableView | "frozen";

/**
 * Trains every weight as it is, pruned entries staying exactly 0: their gradient is 0, so AdamW neither moves nor decays them.
 * Weight decay acts on linear and rows weights, not on norms and biases.
 *
 * @throws `tensor-core/quantized-training`
 */
export const trainAll: Views = (spec, stored) => {
  const { shape, mask, withValues } = stored;
  if (!stored.trainable || withValues === undefined) throw quantizedTraining({ weight: spec.name, storage: stored.storage });
  const group = spec.role === "linear" || spec.role === "rows" ? "decayed" : "plain";
  const values: Leaf = { shape, initial: async () => asFloat32(await stored.dense()), group };
  const finalise: TrainableView["finalise"] = async (leaf) => withValues(await leaf("values"));
  if (mask === undefined) return { leaves: { values }, value: (leaf) => leaf("values"), finalise };
  const kept: Leaf = { shape, initial: async () => asFloat32(await mask()), group: "constant" };
  return { leaves: { values, mask: kept }, value: (leaf) => mul(leaf("values"), leaf("mask")), finalise };
};
