/** Ways to stretch rotary positions past the context that a model was trained on, as frequencies of the pairs. */
import { ropeFrequencies } from "@pare/tensor-core";
import { z } from "zod";

/** Positions divided by `factor` (Chen et al., "Extending context window of large language models via positional interpolation", 2023). */
export interface LinearScaling {
  readonly type: "linear";
  readonly factor: number;
}

/**
 * A base that grows with the sequence past the context of the training ("dynamic NTK"). Within that context, which is all that the
 * model's `contextLength` lets through, nothing is scaled.
 */
export interface DynamicScaling {
  readonly type: "dynamic";
  readonly factor: number;
}

/** Waves longer than the training saw are divided by `factor`, short ones stay, those between are blended (Llama 3.1). */
export interface Llama3Scaling {
  readonly type: "llama3";
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  readonly trainedContext: number;
}

/** Peng et al., "YaRN: efficient context window extension of large language models", 2023, equations 19 to 23. */
export interface YarnScaling {
  readonly type: "yarn";
  readonly factor: number;
  readonly trainedContext: number;
  /** Turns within the training's context above which a pair stays (β) and below which it is divided (α). */
  readonly betaFast: number;
  readonly betaSlow: number;
  /** Factor of queries and keys both: the scores grow by its square. */
  readonly attentionFactor: number;
  /** Whether the bounds between the two are rounded outwards to whole pairs. */
  readonly truncate: boolean;
}

export type RopeScaling = LinearScaling | DynamicScaling | Llama3Scaling | YarnScaling;

const factor = z.number().min(1);
const trainedContext = z.int().min(1);

export const ropeScaling: z.ZodType<RopeScaling> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("linear"), factor }),
  z.strictObject({ type: z.literal("dynamic"), factor }),
  z
    .strictObject({
      type: z.literal("llama3"),
      factor,
      lowFrequencyFactor: z.number().positive(),
      highFrequencyFactor: z.number().positive(),
      trainedContext,
    })
    .refine((one) => one.lowFrequencyFactor < one.highFrequencyFactor, "a low frequency factor below the high one"),
  z.strictObject({
    type: z.literal("yarn"),
    factor,
    trainedContext,
    betaFast: z.number().positive(),
    betaSlow: z.number().positive(),
    attentionFactor: z.number().positive(),
    truncate: z.boolean(),
  }),
]);

/** Radians per position of the pairs of a head of this width; undefined: those of the base alone. */
export function scaledFrequencies(width: number, base: number, scaling: RopeScaling | undefined): readonly number[] | undefined {
  if (scaling === undefined || scaling.type === "dynamic") return undefined;
  const plain = ropeFrequencies(width, { base });
  if (scaling.type === "linear") return plain.map((frequency) => frequency / scaling.factor);
  return scaling.type === "llama3" ? plain.map((frequency) => llama3(frequency, scaling)) : yarn(plain, width, base, scaling);
}

/** What scores are multiplied by because of the scaling. */
export function scoreFactor(scaling: RopeScaling | undefined): number {
  return scaling?.type === "yarn" ? scaling.attentionFactor ** 2 : 1;
}

function llama3(
  frequency: number,
  { factor: by, lowFrequencyFactor: low, highFrequencyFactor: high, trainedContext: context }: Llama3Scaling,
): number {
  const turns = (context * frequency) / (2 * Math.PI);
  if (turns > high) return frequency;
  if (turns < low) return frequency / by;
  const stay = (turns - low) / (high - low);
  return (1 - stay) * (frequency / by) + stay * frequency;
}

function yarn(plain: readonly number[], width: number, base: number, scaling: YarnScaling): readonly number[] {
  const { factor: by, betaFast, betaSlow, trainedContext: context, truncate } = scaling;
  /** The pair, as a real number, that turns so often within the training's context. */
  const pairOf = (turns: number): number => (width * Math.log(context / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const low = Math.max(truncate ? Math.floor(pairOf(betaFast)) : pairOf(betaFast), 0);
  const high = Math.min(truncate ? Math.ceil(pairOf(betaSlow)) : pairOf(betaSlow), width - 1);
  const span = low === high ? 0.001 : high - low;
  return plain.map((frequency, pair) => {
    const divided = Math.min(Math.max((pair - low) / span, 0), 1);
    return divided * (frequency / by) + (1 - divided) * frequency;
  });
}

/** The attention factor that the paper suggests for a stretch (equation 22), with a weight where a config gives one. */
export function yarnMagnitude(by: number, weight = 1): number {
  return by <= 1 ? 1 : 0.1 * weight * Math.log(by) + 1;
}
