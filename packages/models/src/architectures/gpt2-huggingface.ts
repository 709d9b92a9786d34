/** `gpt2` folders of the transformers library. */
import { z } from "zod";
import type { HuggingFace, RawConfig, TensorName } from "../architecture.ts";
import { alike } from "../huggingface/alike.ts";
import { evenHeads, parseConfig } from "./config.ts";
import type { Gpt2Config } from "./gpt2.ts";
import { fromTransformers, toTransformers, transformersActivation } from "./huggingface-activations.ts";

/** What is read of config.json; options that change the computation are let through only with the value that this one has. */
const schema = z.looseObject({
  vocab_size: z.int().min(1),
  n_positions: z.int().min(1).default(1024),
  n_embd: z.int().min(1),
  n_layer: z.int().min(1).max(10_000),
  n_head: z.int().min(1),
  n_inner: z.int().min(1).nullish(),
  activation_function: transformersActivation.default("gelu_new"),
  layer_norm_epsilon: z.number().default(1e-5),
  scale_attn_weights: z.literal(true).default(true),
  scale_attn_by_inverse_layer_idx: z.literal(false).default(false),
  add_cross_attention: z.literal(false).default(false),
  tie_word_embeddings: z.boolean().default(true),
});

function read(raw: RawConfig, file: string): Gpt2Config {
  const given = parseConfig(schema, raw, file);
  const { n_head: heads, n_embd: hiddenSize } = given;
  const layer = { keyValueHeads: evenHeads(heads, heads), feedForward: given.n_inner ?? 4 * hiddenSize };
  return {
    architecture: "gpt2",
    vocabularySize: given.vocab_size,
    contextLength: given.n_positions,
    hiddenSize,
    headDim: hiddenSize / heads,
    epsilon: given.layer_norm_epsilon,
    tied: given.tie_word_embeddings,
    activation: fromTransformers(given.activation_function),
    layers: Array.from({ length: given.n_layer }, () => layer),
  };
}

function write(config: Gpt2Config): RawConfig {
  const heads = alike(
    "layers.keyValueHeads",
    config.layers.map((layer) => layer.keyValueHeads),
  );
  alike("layers.keyValueHeads", [heads, evenHeads(heads.length, heads.length)]);
  const neurons = alike(
    "layers.feedForward",
    config.layers.map((layer) => layer.feedForward),
  );
  // The library's own way of saying four times the width; folders come either way.
  const usual = neurons === 4 * config.hiddenSize && (config.huggingface?.["n_inner"] ?? null) === null;
  alike("hiddenSize", [heads.length * config.headDim, config.hiddenSize]);
  return {
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    vocab_size: config.vocabularySize,
    n_positions: config.contextLength,
    n_embd: config.hiddenSize,
    n_layer: config.layers.length,
    n_head: heads.length,
    n_inner: usual ? null : neurons,
    activation_function: toTransformers(config.activation),
    layer_norm_epsilon: config.epsilon,
    scale_attn_weights: true,
    scale_attn_by_inverse_layer_idx: false,
    add_cross_attention: false,
    tie_word_embeddings: config.tied,
  };
}

/** Own name → the library's; matrices are Conv1D, which lie `[in, out]`, and query, key and value are one. */
const LAYER_NAMES: readonly (readonly [string, string])[] = [
  ["attention.query", "attn.c_attn"],
  ["attention.key", "attn.c_attn"],
  ["attention.value", "attn.c_attn"],
  ["attention.output", "attn.c_proj"],
  ["feedForward.up", "mlp.c_fc"],
  ["feedForward.down", "mlp.c_proj"],
];

const NORM_NAMES: readonly (readonly [string, string])[] = [
  ["attention.norm", "ln_1"],
  ["feedForward.norm", "ln_2"],
];

function names(config: Gpt2Config): TensorName[] {
  const pair = (weight: string, tensor: string, transposed: boolean): TensorName[] => [
    { weight, tensor: `${tensor}.weight`, ...(transposed ? { transposed } : {}) },
    { weight: `${weight}.bias`, tensor: `${tensor}.bias` },
  ];
  return [
    { weight: "embedding", tensor: "transformer.wte.weight" },
    { weight: "positions", tensor: "transformer.wpe.weight" },
    ...config.layers.flatMap((_, index) => [
      ...LAYER_NAMES.flatMap(([own, theirs]) => pair(`layers.${index}.${own}`, `transformer.h.${index}.${theirs}`, true)),
      ...NORM_NAMES.flatMap(([own, theirs]) => pair(`layers.${index}.${own}`, `transformer.h.${index}.${theirs}`, false)),
    ]),
    ...pair("norm", "transformer.ln_f", false),
    ...(config.tied ? [] : [{ weight: "output", tensor: "lm_head.weight" }]),
  ];
}

export const gpt2HuggingFace: HuggingFace<Gpt2Config> = {
  modelTypes: ["gpt2"],
  read,
  write,
  names,
  base: () => "transformer.",
  unused: [/\.attn\.(masked_)?bias$/, /^lm_head\.weight$/],
};
