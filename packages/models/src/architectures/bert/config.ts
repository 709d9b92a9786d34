import { z } from "zod";
import type { RawConfig } from "../../architecture.ts";
import type { ModelConfig } from "../../checkpoint.ts";
import { configFields, evenHeads, layerFields, parseConfig, type TransformerLayer } from "../config.ts";
import type { HeadOptions } from "./head.ts";

/** What a feed-forward layer or a head puts between its two matrices. */
export type EncoderActivation = "gelu" | "gelu-tanh" | "relu" | "silu" | "tanh";

/** A BERT without its head. */
export interface EncoderConfig extends ModelConfig {
  readonly architecture: "bert";
  /** Tokens of a sequence at most; the table of positions has `positionOffset` rows more. */
  readonly contextLength: number;
  readonly hiddenSize: number;
  /** Width of the token embedding where it is projected to the hidden size; absent: it has the hidden size. */
  readonly embeddingSize?: number | undefined;
  readonly headDim: number;
  /** Of every layer norm. */
  readonly epsilon: number;
  /** Row of the first position: RoBERTa counts from 2. */
  readonly positionOffset: number;
  /** Kinds of tokens (first and second text); 0: the model has no embedding for them. */
  readonly tokenTypes: number;
  readonly activation: EncoderActivation;
  readonly layers: readonly TransformerLayer[];
}

/**
 * Encoder of the BERT kind (Devlin et al. 2019): learned positions, norms after each branch, biases everywhere; its relatives RoBERTa
 * (Liu et al. 2019), DistilBERT (Sanh et al. 2019) and MiniLM (Wang et al. 2020) differ in the fields below alone.
 */
export interface BertConfig extends EncoderConfig {
  readonly head: HeadOptions;
  /** config.json of the transformers folder that the model was read from. */
  readonly huggingface?: RawConfig | undefined;
}

export const activation: z.ZodType<EncoderActivation> = z.enum(["gelu", "gelu-tanh", "relu", "silu", "tanh"]);

/** Everything but `head`, whose fields its task decides. */
export const bertFields: Readonly<Record<Exclude<keyof BertConfig & string, "head">, z.ZodType>> = {
  architecture: z.literal("bert"),
  vocabularySize: configFields.vocabularySize,
  contextLength: configFields.contextLength,
  hiddenSize: configFields.hiddenSize,
  embeddingSize: configFields.embeddingSize,
  headDim: z
    .int()
    .min(1)
    .max(2 ** 16),
  epsilon: configFields.epsilon,
  positionOffset: z.int().min(0).max(1024),
  tokenTypes: z.int().min(0).max(1024),
  activation,
  layers: z.array(z.strictObject(layerFields)),
  huggingface: configFields.huggingface,
};

export interface BertShape {
  readonly vocabularySize: number;
  readonly contextLength: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  /** Default 2. */
  readonly tokenTypes?: number | undefined;
  /** Default 0. */
  readonly positionOffset?: number | undefined;
  /** Default gelu. */
  readonly activation?: EncoderActivation | undefined;
  /** Default `{ task: "features" }`: hidden states. */
  readonly head?: HeadOptions | undefined;
}

/** A config whose layers are all alike. The architecture's `parse` checks it. */
export function bertConfig(shape: BertShape): BertConfig {
  const layer: TransformerLayer = { keyValueHeads: evenHeads(shape.heads, shape.heads), feedForward: shape.feedForward };
  const config: BertConfig = {
    architecture: "bert",
    vocabularySize: shape.vocabularySize,
    contextLength: shape.contextLength,
    hiddenSize: shape.hiddenSize,
    headDim: shape.hiddenSize / shape.heads,
    epsilon: 1e-12,
    positionOffset: shape.positionOffset ?? 0,
    tokenTypes: shape.tokenTypes ?? 2,
    activation: shape.activation ?? "gelu",
    layers: Array.from({ length: shape.layers }, () => layer),
    head: shape.head ?? { task: "features" },
  };
  parseConfig(z.looseObject(bertFields), config, "config");
  return config;
}
