/** What training makes smaller: a traced scalar of a model and a batch. A plugin, so that stages compose without importing each other. */
import { checkOptions, resolveRef, type Named, type PluginRef, type Registry } from "@pare/core";
import type { ForwardInputs, Head, TokenInput } from "@pare/models";
import { fork, type Seed, type Tracer, type Value } from "@pare/tensor-core";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { z } from "zod";
import { nothingWanted, objectiveUnfit } from "./errors.ts";
import { predictionsOf, type Sequence } from "./sequence.ts";
import type { Subject } from "./subject.ts";
import type { Choices } from "./tasks/task.ts";
import { taskOf } from "./tasks/index.ts";

/** A forward pass: what the model's head gives, `[batch, seq, width]` or `[batch, width]`. */
export type Forward = (inputs: ForwardInputs) => Value;

export interface ObjectiveScope {
  readonly tracer: Tracer;
  readonly inputs: ForwardInputs;
  /** What the model's head is for. */
  readonly head: Head;
  /** What is wanted, in the form that the head's task says (`TargetForm`): of a language model i32 `[batch, seq]`, −1 where nothing. */
  readonly targets: Value;
  /** f32, shaped as `targets`: 1 where something is wanted, 0 elsewhere. */
  readonly counted: Value;
  /** What the model gives as choices among classes, whatever its head: tokens, labels, places, answers. Throws `training/objective-unfit`. */
  readonly choices: (output: Value) => Choices;
  /** f32 `[]`: 1 / predictions of the batch; of the whole step's where a step takes several passes, so that their losses add up. */
  readonly weight: Value;
  /** f32 `[]`: the part of a step that this pass is, 1 where it is all of it; factor of terms that do not depend on the batch (penalties of weights). */
  readonly share: Value;
  /** The model under training. */
  readonly forward: Forward;
  /** A model of the run state that `models` of the objective names; nothing in it is trained. */
  readonly frozen: (name: string) => Forward;
}

/** Knows how it is written, so that a step which holds one is still plain JSON. */
export interface Objective {
  readonly use: string;
  readonly version: number;
  readonly options: unknown;
  /** Names of the run state whose models it reads besides the one under training: `["teacher"]`. */
  readonly models: readonly string[];
  /** Tasks of the heads that it fits; absent: any. */
  readonly tasks?: readonly string[] | undefined;
  /** Further numbers per token that its loss reads at `inputs.extra`; rows hold them under `extra`. */
  readonly inputs?: readonly TokenInput[] | undefined;
  /**
   * What a sequence is on one visit: some of its tokens hidden, another order. Called anew for every visit, with a key of the run, the
   * epoch and the sequence, from which everything by chance is to be drawn. Keeps the number of rows. Absent: always the same.
   */
  readonly visit?: ((sequence: Sequence, key: Seed, subject: Subject) => Sequence) | undefined;
  /** f32 `[]`, the mean over what is predicted in the batch. */
  readonly loss: (scope: ObjectiveScope) => Value;
}

/** The sequences of a batch as an objective sees them in an epoch; 0 where there are none (measuring). */
export function visited(
  objective: Objective,
  subject: Subject,
  sequences: readonly Sequence[],
  indices: readonly number[],
  { seed, epoch = 0 }: { readonly seed: Seed; readonly epoch?: number | undefined },
): readonly Sequence[] {
  const { visit } = objective;
  if (visit === undefined) return indices.map((index) => sequences[index]);
  const key = fork(seed, `visits/${epoch}`);
  return indices.map((index) => visit(sequences[index], fork(key, `${index}`), subject));
}

/** Throws `training/nothing-wanted` where one of the sequences says nothing of what the model's head should give. */
export function checkWanted(sequences: readonly Sequence[], subject: Subject): void {
  const example = sequences.findIndex((sequence) => predictionsOf(sequence) === 0);
  if (example >= 0) throw nothingWanted({ example, place: sequences[example]!.place, task: taskOf(subject).task });
}

export interface ObjectiveDefinition<Input> {
  readonly options: StandardSchemaV1<Input, unknown>;
  /** Gets validated options. */
  readonly create: (options: Input) => Objective;
}

export type ObjectivePlugin<Id extends string, Input> = Named<"objective", Id, ObjectiveDefinition<Input>>;

/** How options name an objective: the value itself, or `{ use: "next-token", … }`. */
export type ObjectiveReference = Objective | PluginRef;

/** For the schema of a stage that trains. */
export const objectiveField: z.ZodType<ObjectiveReference, ObjectiveReference> = z
  .custom<ObjectiveReference>(
    (value) => typeof (value as { use?: unknown } | null)?.use === "string",
    "an objective, or { use: <objective>, … }",
  )
  .describe("what training makes smaller: { use: <objective>, … }");

/** Throws `core/plugin-unknown`, `core/options-invalid`, `core/option-unknown`. */
export function resolveObjective(reference: ObjectiveReference, registry: Registry, field: string = "objective"): Objective {
  const create = (plugin: ObjectivePlugin<string, unknown>, options: unknown): Objective =>
    plugin.define.create(checkOptions(plugin.id, plugin.define.options, options).value);
  return resolveRef<"objective", Objective>(registry, "objective", reference as Objective | PluginRef, create, field);
}

/** The objective that options name, or the one of the model's own head. Throws `training/objective-unfit` and as {@link resolveObjective}. */
export function objectiveFor(reference: ObjectiveReference | undefined, subject: Subject, registry: Registry): Objective {
  const { task, objective: own } = taskOf(subject);
  const objective = reference === undefined ? own?.() : resolveObjective(reference, registry);
  if (objective === undefined) throw objectiveUnfit({ task, takes: "a head for a task" });
  if (objective.tasks?.includes(task) === false)
    throw objectiveUnfit({ objective: objective.use, task, takes: objective.tasks.join(" or ") });
  return objective;
}
