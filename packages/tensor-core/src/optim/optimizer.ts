import type { Value } from "../graph.ts";
import type { Tracer } from "../trace.ts";

/** What an optimizer is applied to while a training step is traced. */
export interface OptimizerInputs {
  readonly tracer: Tracer;
  /** Leaf name → State that is trained. */
  readonly parameters: Readonly<Record<string, Value>>;
  /** Leaf name → gradient, one for every parameter. */
  readonly gradients: Readonly<Record<string, Value>>;
  /** Hyperparameters of a leaf, a run-time input: leaves that share one are a group (norms without decay, heads at another rate). */
  readonly hyper: (name: string) => Value;
}
