/** The models of the transformers library that are encoders of BERT's kind. */
import { z } from "zod";
import type { RawConfig } from "../../architecture.ts";
import { notExpressible } from "../../errors.ts";
import { alike } from "../../huggingface/alike.ts";
import { evenHeads, parseConfig } from "../config.ts";
import type { BertConfig, EncoderActivation, EncoderConfig } from "./config.ts";
import type { EncoderVariant } from "./head.ts";

/** transformers' names of what this architecture computes; "gelu" is by erf there too. */
const ACTIVATIONS: Readonly<Record<string, EncoderActivation>> = {
  gelu: "gelu",
  gelu_new: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  relu: "relu",
  silu: "silu",
  swish: "silu",
  tanh: "tanh",
};
/** A function by transformers' name for it. */
export const activationField: z.ZodType<EncoderActivation> = z
  .enum(Object.keys(ACTIVATIONS) as [string, ...string[]])
  .default("gelu")
  .transform((name) => ACTIVATIONS[name]!);
const size = z.int().min(1);

const bertSchema = z.looseObject({
  vocab_size: size.default(30522),
  hidden_size: size.default(768),
  num_hidden_layers: z.int().min(0).max(10_000).default(12),
  num_attention_heads: size.default(12),
  intermediate_size: size.default(3072),
  hidden_act: activationField,
  max_position_embeddings: size.default(512),
  type_vocab_size: z.int().min(0).default(2),
  layer_norm_eps: z.number().default(1e-12),
  pad_token_id: z.int().nullish(),
  position_embedding_type: z.literal("absolute").nullish(),
  is_decoder: z.literal(false).nullish(),
  add_cross_attention: z.literal(false).nullish(),
});

const distilSchema = z.looseObject({
  vocab_size: size.default(30522),
  dim: size.default(768),
  n_layers: z.int().min(0).max(10_000).default(6),
  n_heads: size.default(12),
  hidden_dim: size.default(3072),
  activation: activationField,
  max_position_embeddings: size.default(512),
});

/** transformers' first name for a function. */
export function transformersName(activation: EncoderActivation): string {
  return Object.keys(ACTIVATIONS).find((name) => ACTIVATIONS[name] === activation)!;
}

function readBert(raw: RawConfig, file: string, offset: (padding: number) => number): EncoderConfig {
  const given = parseConfig(bertSchema, raw, file);
  const positionOffset = offset(given.pad_token_id ?? 1);
  const heads = given.num_attention_heads;
  const layer = { keyValueHeads: evenHeads(heads, heads), feedForward: given.intermediate_size };
  return {
    architecture: "bert",
    vocabularySize: given.vocab_size,
    contextLength: given.max_position_embeddings - positionOffset,
    hiddenSize: given.hidden_size,
    headDim: given.hidden_size / heads,
    epsilon: given.layer_norm_eps,
    positionOffset,
    tokenTypes: given.type_vocab_size,
    activation: given.hidden_act,
    layers: Array.from({ length: given.num_hidden_layers }, () => layer),
  };
}

/** What config.json says once for all layers. Throws `models/not-expressible` where they differ, or heads were taken out. */
export function sizesOf(config: Pick<BertConfig, "layers" | "hiddenSize" | "headDim" | "activation">): {
  readonly heads: number;
  readonly feedForward: number;
  readonly activation: string;
} {
  const { layers, hiddenSize, headDim } = config;
  const heads = alike(
    "layers.keyValueHeads",
    layers.map((layer) => layer.keyValueHeads),
  );
  alike("layers.keyValueHeads", [heads, evenHeads(heads.length, heads.length)]);
  if (heads.length * headDim !== hiddenSize)
    throw notExpressible({
      file: "config.json",
      field: "headDim",
      expected: `${hiddenSize} / ${heads.length}, hidden size by heads`,
      found: `${headDim}`,
    });
  const feedForward = alike(
    "layers.feedForward",
    layers.map((layer) => layer.feedForward),
  );
  return {
    heads: heads.length,
    feedForward,
    activation: transformersName(config.activation),
  };
}

function writeBert(config: BertConfig): RawConfig {
  const { heads, feedForward, activation: hiddenAct } = sizesOf(config);
  return {
    vocab_size: config.vocabularySize,
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.layers.length,
    num_attention_heads: heads,
    intermediate_size: feedForward,
    hidden_act: hiddenAct,
    max_position_embeddings: config.contextLength + config.positionOffset,
    type_vocab_size: config.tokenTypes,
    layer_norm_eps: config.epsilon,
  };
}

function only(field: string, found: number, expected: number): void {
  if (found !== expected) throw notExpressible({ file: "config.json", field, expected: `${expected}`, found: `${found}` });
}

const BERT_NAMES: Readonly<Record<string, string>> = {
  embedding: "embeddings.word_embeddings",
  "embedding.positions": "embeddings.position_embeddings",
  "embedding.tokenTypes": "embeddings.token_type_embeddings",
  "embedding.norm": "embeddings.LayerNorm",
  "layers.{i}.attention.query": "encoder.layer.{i}.attention.self.query",
  "layers.{i}.attention.key": "encoder.layer.{i}.attention.self.key",
  "layers.{i}.attention.value": "encoder.layer.{i}.attention.self.value",
  "layers.{i}.attention.output": "encoder.layer.{i}.attention.output.dense",
  "layers.{i}.attention.norm": "encoder.layer.{i}.attention.output.LayerNorm",
  "layers.{i}.feedForward.up": "encoder.layer.{i}.intermediate.dense",
  "layers.{i}.feedForward.down": "encoder.layer.{i}.output.dense",
  "layers.{i}.feedForward.norm": "encoder.layer.{i}.output.LayerNorm",
};

const bert: EncoderVariant = {
  modelTypes: ["bert"],
  className: "Bert",
  base: "bert.",
  pooled: "tanh",
  read: (raw, file) => readBert(raw, file, () => 0),
  write: (config) => {
    only("positionOffset", config.positionOffset, 0);
    return writeBert(config);
  },
  names: BERT_NAMES,
};

const roberta: EncoderVariant = {
  modelTypes: ["roberta", "xlm-roberta", "camembert"],
  className: "Roberta",
  base: "roberta.",
  pooled: "tanh",
  transform: "gelu",
  read: (raw, file) => readBert(raw, file, (padding) => padding + 1),
  write: (config) => ({ ...writeBert(config), pad_token_id: config.positionOffset - 1 }),
  names: BERT_NAMES,
};

const distilbert: EncoderVariant = {
  modelTypes: ["distilbert"],
  className: "DistilBert",
  base: "distilbert.",
  pooled: "relu",
  read: (raw, file) => {
    const given = parseConfig(distilSchema, raw, file);
    const layer = { keyValueHeads: evenHeads(given.n_heads, given.n_heads), feedForward: given.hidden_dim };
    return {
      architecture: "bert",
      vocabularySize: given.vocab_size,
      contextLength: given.max_position_embeddings,
      hiddenSize: given.dim,
      headDim: given.dim / given.n_heads,
      epsilon: 1e-12,
      positionOffset: 0,
      tokenTypes: 0,
      activation: given.activation,
      layers: Array.from({ length: given.n_layers }, () => layer),
    };
  },
  write: (config) => {
    only("positionOffset", config.positionOffset, 0);
    only("tokenTypes", config.tokenTypes, 0);
    only("epsilon", config.epsilon, 1e-12);
    const { heads, feedForward, activation: function_ } = sizesOf(config);
    return {
      vocab_size: config.vocabularySize,
      dim: config.hiddenSize,
      n_layers: config.layers.length,
      n_heads: heads,
      hidden_dim: feedForward,
      activation: function_,
      max_position_embeddings: config.contextLength,
    };
  },
  names: {
    ...Object.fromEntries(Object.entries(BERT_NAMES).filter(([weight]) => weight.startsWith("embedding"))),
    "layers.{i}.attention.query": "transformer.layer.{i}.attention.q_lin",
    "layers.{i}.attention.key": "transformer.layer.{i}.attention.k_lin",
    "layers.{i}.attention.value": "transformer.layer.{i}.attention.v_lin",
    "layers.{i}.attention.output": "transformer.layer.{i}.attention.out_lin",
    "layers.{i}.attention.norm": "transformer.layer.{i}.sa_layer_norm",
    "layers.{i}.feedForward.up": "transformer.layer.{i}.ffn.lin1",
    "layers.{i}.feedForward.down": "transformer.layer.{i}.ffn.lin2",
    "layers.{i}.feedForward.norm": "transformer.layer.{i}.output_layer_norm",
  },
};

export const VARIANTS: readonly EncoderVariant[] = [bert, roberta, distilbert];

/** The variant that a config came from; of a config made here, the one that can say it. */
export function variantOf(config: BertConfig): EncoderVariant {
  const type = config.huggingface?.["model_type"];
  const named = VARIANTS.find(({ modelTypes }) => modelTypes.includes(type as string));
  if (named !== undefined) return named;
  if (config.positionOffset > 0) return roberta;
  return config.tokenTypes === 0 ? distilbert : bert;
}
