import { defineStage, type Stage } from "@pare/core";
import { withWeights, type Checkpoint } from "@pare/models";
import { subjectOf } from "@pare/training";
import { affineWeight, floatRows, packCodes, packedRowBytes, sourceOf, type HostTensor, type StoredWeight } from "@pare/tensor-core";
import { z } from "zod";
import { notFinite } from "./errors.ts";
import { codesOf, measureGrids, roundToNearest as round, type RoundOptions } from "./round.ts";
import { chooseForm, refuseQuantized, storeRounded, type RoundedForm } from "./store-rounded.ts";

const ID = "quantize/round-to-nearest";
const VERSION = 2;

/** Options of {@link roundToNearest}. */
export interface RoundToNearestOptions {
  /** 2–8. */
  readonly bits: number;
  /** Default true: zero points are the middle code and none is stored. */
  readonly symmetric?: boolean | undefined;
  /** What shares a scale: the whole weight, an output channel (a row; default), or `groupSize` inputs of a row. */
  readonly granularity?: "tensor" | "channel" | "group" | undefined;
  /** Inputs per group, default 32; only with granularity "group". */
  readonly groupSize?: number | undefined;
  /** Default false: embedding tables (rows weights) stay as they are. */
  readonly embeddings?: boolean | undefined;
}

const options: z.ZodType<RoundOptions & { readonly embeddings: boolean }, RoundToNearestOptions> = z.object({
  bits: z.int().min(2).max(8).describe("bits per code"),
  symmetric: z.boolean().default(true).describe("true: one zero point, the middle code"),
  granularity: z.enum(["tensor", "channel", "group"]).default("channel").describe("what shares a scale"),
  groupSize: z.int().min(1).default(32).describe("inputs per group, with granularity group"),
  embeddings: z.boolean().default(false).describe("round embedding tables too"),
});

/**
 * Rounds every linear weight to the nearest code of an affine grid (see `roundToNearest` in `round.ts`); norms and biases stay.
 * The result runs from its codes. Of a pruned weight the codes of what is left are kept, all codes (pruned zeros stand for exactly
 * 0.0), or a sparse weight as it is: whichever is smallest.
 *
 * Affine weights that come out hold their scales; codes are rounded from the weight that went in each time they are read, so that a model
 * of any size passes weight by weight.
 *
 * @throws `quantize/already-quantized`, `quantize/not-finite`.
 */
export const roundToNearest: Stage<typeof ID, RoundToNearestOptions, { model: Checkpoint }, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/quantize",
  options,
  needs: ["model"],
  run: async ({ model }: { model: Checkpoint }, given, context) => {
    const { architecture } = subjectOf(model, context.registry);
    const wanted = architecture.weights(model.config).filter(({ role }) => role === "linear" || (given.embeddings && role === "rows"));
    refuseQuantized(
      model,
      wanted.map(({ name }) => name),
    );
    const changes: [string, StoredWeight][] = [];
    for (const [done, { name }] of wanted.entries()) {
      context.signal.throwIfAborted();
      const stored = model.weights.get(name)!;
      const form = await chooseForm(name, stored, given, context);
      if (form !== undefined)
        changes.push([
          name,
          form.storage === "affine" ? await roundLazily(name, stored, given) : await quantize(name, stored, given, form),
        ]);
      context.emit({ type: "progress", progress: { done: done + 1, total: wanted.length, unit: "weights", message: name } });
    }
    return { model: withWeights(model, changes, { use: ID, version: VERSION, options: given, seed: context.seed }) };
  },
});

/** Reads the weight once for its scales, and again whenever its codes are read. Throws `quantize/not-finite`. */
async function roundLazily(name: string, stored: StoredWeight, rounding: RoundOptions): Promise<StoredWeight> {
  const [rows, columns] = stored.shape as [number, number];
  const { bits } = rounding;
  const grids = measureGrids(floatRows(await valuesOf(stored)), rows, columns, rounding, (index, found) => {
    throw notFinite({ weight: name, index, found });
  });
  const shape = [rows, packedRowBytes(columns, bits)];
  const read = async (): Promise<HostTensor> => {
    const data = new Uint8Array(shape[0]! * shape[1]!);
    for (const block of floatRows(await valuesOf(stored))) {
      const codes = codesOf(block, columns, grids, rounding);
      data.set(packCodes(codes, [codes.length / columns, columns], bits), block.row * shape[1]!);
    }
    return { dtype: "u8", shape, data };
  };
  const { scales, zeroPoints, scaleShape, groupSize } = grids;
  return affineWeight({
    shape: [rows, columns],
    bits,
    groupSize,
    codes: { dtype: "u8", shape, bytes: shape[0]! * shape[1]!, read },
    scales: sourceOf({ dtype: "f32", shape: scaleShape, data: scales }),
    zeroPoints: zeroPoints && sourceOf({ dtype: "u8", shape: scaleShape, data: zeroPoints }),
  });
}

/** A weight's values in the numbers that its file has. */
function valuesOf({ storage, parts, dense }: StoredWeight): Promise<HostTensor> {
  return storage === "dense" ? parts["values"]!.read() : dense();
}

/** One linear weight `[out, in]`, rounded, by default as affine codes. Throws `quantize/not-finite`. */
export async function quantize(
  name: string,
  stored: StoredWeight,
  rounding: RoundOptions,
  form: RoundedForm = { storage: "affine" },
): Promise<StoredWeight> {
  const [rows, columns] = stored.shape as [number, number];
  const { data } = await stored.dense();
  const rounded = round(data as Float32Array, rows, columns, rounding, (index, found) => {
    throw notFinite({ weight: name, index, found });
  });
  return storeRounded([rows, columns], rounding.bits, rounded, form);
}
