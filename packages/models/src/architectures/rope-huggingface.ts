/** How config.json says the base and the scaling of rotary positions. */
import { z } from "zod";
import type { RawConfig } from "../architecture.ts";
import { notExpressible } from "../errors.ts";
import { yarnMagnitude, type RopeScaling } from "./rope-scaling.ts";

const common = { rope_theta: z.number().optional(), partial_rotary_factor: z.literal(1).optional() };
const factor = z.number().min(1);
const trained = z.int().min(1).nullish();

const parameters = z.discriminatedUnion("rope_type", [
  z.looseObject({ ...common, rope_type: z.literal("default") }),
  z.looseObject({ ...common, rope_type: z.literal("linear"), factor }),
  z.looseObject({ ...common, rope_type: z.literal("dynamic"), factor }),
  z.looseObject({
    ...common,
    rope_type: z.literal("llama3"),
    factor,
    low_freq_factor: z.number(),
    high_freq_factor: z.number(),
    original_max_position_embeddings: z.int().min(1),
  }),
  z.looseObject({
    ...common,
    rope_type: z.literal("yarn"),
    factor,
    original_max_position_embeddings: trained,
    attention_factor: z.number().nullish(),
    beta_fast: z.number().nullish(),
    beta_slow: z.number().nullish(),
    mscale: z.number().nullish(),
    mscale_all_dim: z.number().nullish(),
    truncate: z.boolean().default(true),
  }),
]);

/** `type` is what older configs call `rope_type`; none at all means the default. */
function typed(raw: unknown): unknown {
  if (typeof raw !== "object" || raw === null) return raw;
  const { type, ...rest } = raw as RawConfig;
  return { rope_type: type ?? "default", ...rest };
}

/** What is read of `rope_parameters`, or of `rope_scaling`. */
interface RopeParameters {
  readonly rope_type: "default" | "linear" | "dynamic" | "llama3" | "yarn";
  readonly rope_theta?: number | undefined;
}

const typedParameters: z.ZodType<RopeParameters | null | undefined> = z.preprocess(typed, parameters.nullish());

/** Fields of config.json: version 5 of the library writes `rope_parameters`, older ones `rope_theta` and `rope_scaling`. */
export const ropeFields: {
  readonly rope_theta: z.ZodType<number>;
  readonly rope_scaling: z.ZodType<RopeParameters | null | undefined>;
  readonly rope_parameters: z.ZodType<RopeParameters | null | undefined>;
} = { rope_theta: z.number().default(10_000), rope_scaling: typedParameters, rope_parameters: typedParameters };

type Given = { readonly [Name in keyof typeof ropeFields]?: z.output<(typeof ropeFields)[Name]> } & {
  readonly max_position_embeddings: number;
};

export function readRope({ rope_theta, rope_scaling, rope_parameters, max_position_embeddings }: Given): {
  readonly ropeBase: number;
  readonly ropeScaling?: RopeScaling;
} {
  const given = rope_parameters ?? rope_scaling ?? { rope_type: "default" as const };
  const scaling = scalingOf(given as z.output<typeof parameters>, max_position_embeddings);
  return { ropeBase: given.rope_theta ?? rope_theta ?? 10_000, ...(scaling === undefined ? {} : { ropeScaling: scaling }) };
}

function scalingOf(given: z.output<typeof parameters>, context: number): RopeScaling | undefined {
  switch (given.rope_type) {
    case "default":
      return undefined;
    case "linear":
    case "dynamic":
      return { type: given.rope_type, factor: given.factor };
    case "llama3":
      return {
        type: "llama3",
        factor: given.factor,
        lowFrequencyFactor: given.low_freq_factor,
        highFrequencyFactor: given.high_freq_factor,
        trainedContext: given.original_max_position_embeddings,
      };
    case "yarn": {
      const { factor: by, mscale, mscale_all_dim: all } = given;
      const magnitude = mscale && all ? yarnMagnitude(by, mscale) / yarnMagnitude(by, all) : yarnMagnitude(by);
      return {
        type: "yarn",
        factor: by,
        trainedContext: given.original_max_position_embeddings ?? context,
        betaFast: given.beta_fast ?? 32,
        betaSlow: given.beta_slow ?? 1,
        attentionFactor: given.attention_factor ?? magnitude,
        truncate: given.truncate,
      };
    }
  }
}

/** `rope_theta` stands beside for versions before 5. Throws `models/not-expressible` for pairs of neighbours. */
export function writeRope(config: {
  readonly ropeBase: number;
  readonly ropePairing: string;
  readonly ropeScaling?: RopeScaling | undefined;
}): RawConfig {
  if (config.ropePairing !== "half") {
    throw notExpressible({ file: "config.json", field: "ropePairing", expected: "half", found: config.ropePairing });
  }
  const rope = { rope_theta: config.ropeBase, ...writeScaling(config.ropeScaling) };
  return { rope_theta: config.ropeBase, rope_parameters: rope, ...(config.ropeScaling === undefined ? {} : { rope_scaling: rope }) };
}

function writeScaling(scaling: RopeScaling | undefined): RawConfig {
  switch (scaling?.type) {
    case undefined:
      return { rope_type: "default" };
    case "linear":
    case "dynamic":
      return { rope_type: scaling.type, factor: scaling.factor };
    case "llama3":
      return {
        rope_type: "llama3",
        factor: scaling.factor,
        low_freq_factor: scaling.lowFrequencyFactor,
        high_freq_factor: scaling.highFrequencyFactor,
        original_max_position_embeddings: scaling.trainedContext,
      };
    case "yarn":
      return {
        rope_type: "yarn",
        factor: scaling.factor,
        original_max_position_embeddings: scaling.trainedContext,
        attention_factor: scaling.attentionFactor,
        beta_fast: scaling.betaFast,
        beta_slow: scaling.betaSlow,
        truncate: scaling.truncate,
      };
  }
}
