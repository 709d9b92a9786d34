/** The options that every stage shares which reads calibration data layer by layer. */
import { z } from "zod";
import { dataFields, type DataOptions } from "../sequences.ts";

export interface CalibrationOptions extends DataOptions {
  /** Examples per run on the device, default 16; changes nothing but rounding. */
  readonly batch?: number | undefined;
  /** Default true: each layer reads what the already changed earlier layers give. False: what the given model's layers give. */
  readonly sequential?: boolean | undefined;
}

/** {@link CalibrationOptions} with defaults filled in. */
export interface CalibrationSettings extends DataOptions {
  readonly batch: number;
  readonly sequential: boolean;
}

/** Fields of {@link CalibrationOptions} for a stage's schema. */
export const calibrationFields: typeof dataFields & {
  readonly batch: z.ZodDefault<z.ZodNumber>;
  readonly sequential: z.ZodDefault<z.ZodBoolean>;
} = {
  ...dataFields,
  batch: z.int().min(1).default(16).describe("examples per run on the device"),
  sequential: z.boolean().default(true).describe("each layer reads what the already changed earlier layers give"),
};
