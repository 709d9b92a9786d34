/** The options that everything shares which measures a loss on data, and what they name. */
import type { Context } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { calibrationFields, objectiveField, objectiveFor, subjectOf, type Objective, type ObjectiveReference } from "@pare/training";
import type { z } from "zod";
import type { PruneState } from "./retrain.ts";

export interface MeasuringOptions {
  /** The loss. Default: what a model of its head is trained on. */
  readonly objective?: ObjectiveReference | undefined;
  /** Examples per run on the device, default 16; changes nothing but rounding. */
  readonly batch?: number | undefined;
}

/** {@link MeasuringOptions} with defaults filled in. */
export interface MeasuringSettings extends Omit<MeasuringOptions, "batch"> {
  readonly batch: number;
}

/** Fields of {@link MeasuringOptions} for a schema. */
export const measuringFields: {
  readonly objective: z.ZodOptional<z.ZodType<ObjectiveReference, ObjectiveReference>>;
  readonly batch: z.ZodDefault<z.ZodNumber>;
} = { objective: objectiveField.optional(), batch: calibrationFields.batch };

/** The objective, of the model's head where none is named, and the models that it may read: those of the run state. */
export function lossOf(
  state: PruneState,
  { objective }: Pick<MeasuringOptions, "objective">,
  { registry }: Pick<Context, "registry">,
  model: Checkpoint = state.model,
): { readonly objective: Objective; readonly models: Readonly<Record<string, Checkpoint>> } {
  const models = state as Readonly<Record<string, Checkpoint>>;
  return { objective: objectiveFor(objective, subjectOf(model, registry), registry), models };
}
