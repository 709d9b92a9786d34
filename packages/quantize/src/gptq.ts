import { defineStage, toJson, type Stage } from "@pare/core";
import { withSeen, withWeights, type Checkpoint } from "@pare/models";
import {
  calibrationFields,
  changeLayers,
  prepareSequences,
  subjectOf,
  type CalibrationOptions,
  type CalibrationSettings,
} from "@pare/training";
import { z } from "zod";
import { notFinite } from "./errors.ts";
import { gptqRound, type GptqRounding } from "./gptq-round.ts";
import { chooseForm, refuseQuantized, storeRounded } from "./store-rounded.ts";

const ID = "quantize/gptq";
const VERSION = 2;

/** Options of {@link gptq}. */
export interface GptqOptions extends CalibrationOptions {
  /** 2–8. */
  readonly bits: number;
  /** Default true: zero points are the middle code and none is stored. */
  readonly symmetric?: boolean | undefined;
  /** What shares a scale: an output channel (a row; default), or `groupSize` inputs of a row. */
  readonly granularity?: "channel" | "group" | undefined;
  /** Inputs per group, default 32; only with granularity "group". */
  readonly groupSize?: number | undefined;
  /** Default true: inputs that are larger on calibration data are rounded first, while there is most left to make up for it. */
  readonly activationOrder?: boolean | undefined;
  /** Added to the diagonal of H, as a share of its mean. Default 0.01. */
  readonly damping?: number | undefined;
}

const options: z.ZodType<CalibrationSettings & GptqRounding, GptqOptions> = z.object({
  bits: z.int().min(2).max(8).describe("bits per code"),
  symmetric: z.boolean().default(true).describe("true: one zero point, the middle code"),
  granularity: z.enum(["channel", "group"]).default("channel").describe("what shares a scale"),
  groupSize: z.int().min(1).default(32).describe("inputs per group, with granularity group"),
  activationOrder: z.boolean().default(true).describe("round the inputs that are largest on calibration data first"),
  damping: z.number().positive().default(0.01).describe("added to the diagonal of H, as a share of its mean"),
  ...calibrationFields,
});

/**
 * Rounds the linear weights of the transformer layers, column by column, moving what is not yet rounded to make up for the error on
 * calibration data (Frantar et al. 2022; see `gptqRound`). Embeddings, norms, biases and an output matrix of its own stay. The result
 * runs from its codes and leaves in the form of `quantize/round-to-nearest`. Pruned zeros stay exactly 0.0. Host memory: 8 bytes per
 * entry of the matrix and of H.
 *
 * @throws `quantize/already-quantized`, `quantize/not-finite`, `training/not-positive-definite`, what `prepareSequences` and
 * `changeLayers` of training throw.
 */
export const gptq: Stage<typeof ID, GptqOptions, { model: Checkpoint }, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/quantize",
  options,
  needs: ["model"],
  run: async ({ model }: { model: Checkpoint }, given, context) => {
    const { architecture } = subjectOf(model, context.registry);
    refuseQuantized(
      model,
      architecture.weights(model.config).flatMap(({ name, role }) => (role === "linear" ? [name] : [])),
    );
    const { sequences, seen } = await prepareSequences(model, given, context);
    const { batch, sequential } = given;
    const changes = await changeLayers({
      model,
      sequences,
      batch,
      sequential,
      statistic: "gram",
      context,
      use: ID,
      change: async ({ name, stored, statistic: gram }) => {
        const form = await chooseForm(name, stored, given, context);
        if (form === undefined) return stored;
        const [rows, columns] = stored.shape as [number, number];
        const values = (await stored.dense()).data as Float32Array;
        const index = values.findIndex((value) => !Number.isFinite(value));
        if (index >= 0) throw notFinite({ weight: name, index, found: values[index] });
        const mask = (await stored.mask?.())?.data as Uint8Array | undefined;
        return storeRounded([rows, columns], given.bits, gptqRound({ values, rows, columns, mask, gram }, given), form);
      },
    });
    const deed = { use: ID, version: VERSION, options: toJson(given, "options"), seed: context.seed };
    return { model: withSeen(withWeights(model, changes, deed), [seen]) };
  },
});
