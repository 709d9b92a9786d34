/** What training makes smaller: a traced scalar of a model and a batch. A plugin, so that stages compose without importing each other. */
import { checkOptions, resolveRef, type Named, type PluginRef, type Registry } from "@pare/core";
import type { ForwardInputs } from "@pare/models";
import type { Tracer, Value } from "@pare/tensor-core";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { z } from "zod";

/** A forward pass: logits `[batch, seq, vocabulary]`. */
export type Forward = (inputs: ForwardInputs) => Value;

export interface ObjectiveScope {
  readonly tracer: Tracer;
  readonly inputs: ForwardInputs;
  /** i32 `[batch, seq]`: what each position has to predict, −1 where nothing. */
  readonly targets: Value;
  /** f32 `[]`: 1 / predicted tokens of the batch; of the whole step's where a step takes several passes, so that their losses add up. */
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
  /** f32 `[]`, the mean over the predicted tokens of the batch. */
  readonly loss: (scope: ObjectiveScope) => Value;
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
