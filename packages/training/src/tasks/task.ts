/** What training knows of a head's task: how examples become rows, and what its output is a choice among. */
import type { Architecture, Head, Tokenizer } from "@pare/models";
import { dim, greater, type Dim, type Tracer, type Value } from "@pare/tensor-core";
import type { Example } from "../data/data.ts";
import type { Objective } from "../objective.ts";
import type { Sequence } from "../sequence.ts";

/**
 * How `targets` of a batch are laid out.
 *
 * - token: a class per token, i32 `[batch, seq]`.
 * - row: `count` classes per row, i32 `[batch, count]`.
 * - numbers: `count` numbers per row, f32 `[batch, count]`.
 * - example: the rows of an example belong together, and each picks one of the batch's rows by its index, i32 `[batch]`.
 *
 * −1 where nothing is wanted.
 */
export type TargetForm =
  | { readonly per: "token" }
  | { readonly per: "row" | "numbers"; readonly count: number }
  | { readonly per: "example" };

/** `targets` of a batch in a program, with what belongs to its form. */
export interface Targets {
  readonly targets: Value;
  /** f32 of the same shape: 1 where something is wanted, 0 elsewhere. */
  readonly counted: Value;
  /** Form "example", i32 `[batch]`: which example a row belongs to (−1: none), and its place among that example's rows. */
  readonly example?: Value | undefined;
  readonly place?: Value | undefined;
}

export const TARGETS = "targets";
export const COUNTED = "counted";
export const EXAMPLE = "example";
export const PLACE = "place";

/** Declares what {@link TargetForm} says; `batchTensors` gives it. */
export function declareTargets(tracer: Tracer, form: TargetForm): Targets {
  const batch = dim("batch");
  if (form.per === "numbers") {
    const shape = [batch, form.count];
    return { targets: tracer.input(TARGETS, "f32", shape), counted: tracer.input(COUNTED, "f32", shape) };
  }
  const shape: readonly Dim[] = form.per === "token" ? [batch, dim("seq")] : form.per === "row" ? [batch, form.count] : [batch];
  const targets = tracer.input(TARGETS, "i32", shape);
  const counted = greater(targets, -1);
  if (form.per !== "example") return { targets, counted };
  return { targets, counted, example: tracer.input(EXAMPLE, "i32", [batch]), place: tracer.input(PLACE, "i32", [batch]) };
}

/** A model's output as choices: f32 `[n, classes]` logits and i32 `[n]`, the class that is right, −1 where none is wanted. */
export interface Choices {
  readonly logits: Value;
  readonly targets: Value;
}

/** What {@link Task.choices} may use besides the model's output. */
export interface ChoiceScope extends Targets {
  readonly tracer: Tracer;
  /** i32 `[batch, seq]` and `[batch]`. */
  readonly positions: Value;
  readonly lengths: Value;
}

/** What {@link Task.encode} may use. */
export interface EncodeScope {
  readonly tokenizer: Tokenizer;
  /** What the model's output begins with, where it writes. */
  readonly begin: number | undefined;
  readonly family: Architecture["family"];
  readonly head: Head;
  /** Tokens of a row at most, marks among them. */
  readonly limit: number;
  /** Told how many tokens a row has that is longer, before it is cut; throws where it may not be. */
  readonly tooLong: (tokens: number) => void;
}

export interface Task {
  /** Of `Head.task`. */
  readonly task: string;
  readonly form: (head: Head) => TargetForm;
  /** Throws `training/example-unfit`, `training/example-too-long`, `training/example-empty`. */
  readonly encode: (example: Example, scope: EncodeScope) => Sequence;
  /** Absent: the output is numbers, or nothing is wanted of it. */
  readonly choices?: ((output: Value, scope: ChoiceScope) => Choices) | undefined;
  /** What such a model is trained on when nothing else is said; absent: it cannot be. */
  readonly objective?: (() => Objective) | undefined;
}
