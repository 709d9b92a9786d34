/** The options that the stages share which remove structure by scores, some of them measured on data. */
import { dataFields, type DataOptions } from "@pare/training";
import type { z } from "zod";
import { measuringFields, type MeasuringOptions } from "./measuring.ts";
import { retrainField, type Retrain } from "./retrain.ts";

export interface StructuredPruningOptions extends Omit<DataOptions, "data">, MeasuringOptions {
  /** What scores that need data are measured on. */
  readonly data?: DataOptions["data"] | undefined;
  /** A step that trains what is left. */
  readonly retrain?: Retrain | undefined;
}

/** Fields of {@link StructuredPruningOptions} for a stage's schema. */
export const structuredFields: Omit<typeof dataFields, "data"> &
  typeof measuringFields & {
    readonly data: z.ZodOptional<(typeof dataFields)["data"]>;
    readonly retrain: typeof retrainField;
  } = { ...dataFields, data: dataFields.data.optional(), ...measuringFields, retrain: retrainField };
