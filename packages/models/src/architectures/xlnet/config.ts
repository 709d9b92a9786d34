import { z } from "zod";
import type { RawConfig } from "../../architecture.ts";
import type { ModelConfig } from "../../checkpoint.ts";
import { activation, type EncoderActivation } from "../bert/config.ts";
import type { HeadOptions } from "../bert/head.ts";
import { blockFields, evenHeads, layerFields, parseConfig, type TransformerLayer } from "../config.ts";

/**
 * XLNet (Yang et al. 2019): an encoder whose positions are distances alone (Dai et al. 2019, Transformer-XL), so that texts may be of any
 * length and go on from what was remembered of the text before; a second stream of queries predicts tokens without reading them.
 */
export interface XlnetConfig extends ModelConfig {
  readonly architecture: "xlnet";
  readonly hiddenSize: number;
  readonly headDim: number;
  /** Of every layer norm. */
  readonly epsilon: number;
  readonly activation: EncoderActivation;
  /** both: a token sees all others; backward: those before it and itself, as Transformer-XL. */
  readonly looks: "both" | "backward";
  /** Larger distances count as this one; 0: none is too large. */
  readonly maxDistance: number;
  /** True: a token looks back as far as the memory is long and no further. Means something where `looks` is backward. */
  readonly sameLength: boolean;
  /** Hidden states of the text before that a segment reads, at most; 0: whoever reads segments says how many. */
  readonly memoryLength: number;
  /** Tokens of a segment, its first ones, that are remembered; 0: all. */
  readonly reuseLength: number;
  readonly layers: readonly TransformerLayer[];
  readonly head: HeadOptions;
  /** config.json of the transformers folder that the model was read from. */
  readonly huggingface?: RawConfig | undefined;
}

const entries = z
  .int()
  .min(0)
  .max(2 ** 24);

/** Everything but `head`, whose fields its task decides. */
export const xlnetFields: Readonly<Record<Exclude<keyof XlnetConfig & string, "head">, z.ZodType>> = {
  architecture: z.literal("xlnet"),
  vocabularySize: blockFields.vocabularySize,
  // Half of the width are sines, half cosines.
  hiddenSize: z
    .int()
    .min(2)
    .max(2 ** 24)
    .multipleOf(2),
  headDim: blockFields.headDim,
  epsilon: blockFields.epsilon,
  activation,
  looks: z.enum(["both", "backward"]),
  maxDistance: entries,
  sameLength: z.boolean(),
  memoryLength: entries,
  reuseLength: entries,
  layers: z.array(z.strictObject(layerFields)),
  huggingface: blockFields.huggingface,
};

export interface XlnetShape {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  /** Default gelu. */
  readonly activation?: EncoderActivation | undefined;
  /** Default both. */
  readonly looks?: XlnetConfig["looks"] | undefined;
  /** Default 0. */
  readonly maxDistance?: number | undefined;
  /** Default false. */
  readonly sameLength?: boolean | undefined;
  /** Default 0. */
  readonly memoryLength?: number | undefined;
  /** Default 0. */
  readonly reuseLength?: number | undefined;
  /** Default `{ task: "permuted-token", tied: true }`. */
  readonly head?: HeadOptions | undefined;
}

/** A config whose layers are all alike. The architecture's `parse` checks its head. Throws `models/config-invalid`. */
export function xlnetConfig(shape: XlnetShape): XlnetConfig {
  const layer: TransformerLayer = { keyValueHeads: evenHeads(shape.heads, shape.heads), feedForward: shape.feedForward };
  const config: XlnetConfig = {
    architecture: "xlnet",
    vocabularySize: shape.vocabularySize,
    hiddenSize: shape.hiddenSize,
    headDim: shape.hiddenSize / shape.heads,
    epsilon: 1e-12,
    activation: shape.activation ?? "gelu",
    looks: shape.looks ?? "both",
    maxDistance: shape.maxDistance ?? 0,
    sameLength: shape.sameLength ?? false,
    memoryLength: shape.memoryLength ?? 0,
    reuseLength: shape.reuseLength ?? 0,
    layers: Array.from({ length: shape.layers }, () => layer),
    head: shape.head ?? { task: "permuted-token", tied: true },
  };
  parseConfig(z.looseObject(xlnetFields), config, "config");
  return config;
}
