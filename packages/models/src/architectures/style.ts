/** What the families of this package do differently at the same places of a transformer block. */
import { gelu, geluTanh, relu, silu, type RopeAttrs, type Value } from "@pare/tensor-core";
import { z } from "zod";

export type ActivationName = "relu" | "gelu" | "gelu-tanh" | "silu";

/** Functions of feed-forward parts. */
export const ACTIVATIONS: Readonly<Record<ActivationName, (x: Value) => Value>> = { relu, gelu, "gelu-tanh": geluTanh, silu };

export const activationName: z.ZodType<ActivationName> = z.enum(["relu", "gelu", "gelu-tanh", "silu"]);

/** Projections of a block by the last part of their weights' names. */
export type Projection = "query" | "key" | "value" | "output" | "gate" | "up" | "down";

export const projectionName: z.ZodType<Projection> = z.enum(["query", "key", "value", "output", "gate", "up", "down"]);

export interface BlockStyle {
  /** rms: scale alone (weights named `<norm>`); layer: mean taken out, scale and shift (`<norm>` and `<norm>.bias`). */
  readonly norm: "rms" | "layer";
  /** Projections that add `<weight>.bias`. */
  readonly biases: readonly Projection[];
  /** RMS norms of each head's query and key before they turn: `<prefix>.query.norm` and `<prefix>.key.norm` `[headDim]`. */
  readonly headNorms: boolean;
  /** Absent: positions are not in the queries and keys. */
  readonly rope?: Pick<RopeAttrs, "base" | "pairing" | "frequencies"> | undefined;
  /** Factor of the attention scores. */
  readonly scoreScale: number;
  readonly activation: ActivationName;
  /** True: activation(gate)·up, of two matrices; false: activation(up). */
  readonly gated: boolean;
  /** Factor of what the output matrix reads, absent: 1. */
  readonly logitScale?: number | undefined;
}

/** Whether the projection of this name ("layers.0.attention.query") adds a bias. */
export function hasBias({ biases }: BlockStyle, name: string): boolean {
  return biases.includes(name.slice(name.lastIndexOf(".") + 1) as Projection);
}
