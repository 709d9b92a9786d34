/** `llama` folders of the transformers library. */
import { z } from "zod";
import type { HuggingFace, RawConfig, TensorName } from "../architecture.ts";
import { alike } from "../huggingface/alike.ts";
import { countHeads, evenHeads, parseConfig } from "./config.ts";
import type { LlamaConfig } from "./llama.ts";

const rope = z.looseObject({ rope_theta: z.number(), rope_type: z.literal("default").default("default") });

/** What is read of config.json; options that change the computation are let through only with the value that this one has. */
const schema = z.looseObject({
  vocab_size: z.int().min(1),
  hidden_size: z.int().min(1),
  intermediate_size: z.int().min(1),
  num_hidden_layers: z.int().min(1).max(10_000),
  num_attention_heads: z.int().min(1),
  num_key_value_heads: z.int().min(1).nullish(),
  head_dim: z.int().min(1).nullish(),
  max_position_embeddings: z.int().min(1).default(2048),
  rms_norm_eps: z.number().default(1e-6),
  hidden_act: z.literal("silu").default("silu"),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.literal(false).default(false),
  mlp_bias: z.literal(false).default(false),
  rope_theta: z.number().default(10_000),
  rope_scaling: z.null().optional(),
  rope_parameters: rope.nullish(),
});

function read(raw: RawConfig, file: string): LlamaConfig {
  const given = parseConfig(schema, raw, file);
  const heads = given.num_attention_heads;
  const layer = { keyValueHeads: evenHeads(heads, given.num_key_value_heads ?? heads), feedForward: given.intermediate_size };
  return {
    architecture: "llama",
    vocabularySize: given.vocab_size,
    contextLength: given.max_position_embeddings,
    hiddenSize: given.hidden_size,
    headDim: given.head_dim ?? given.hidden_size / heads,
    epsilon: given.rms_norm_eps,
    ropeBase: given.rope_parameters?.rope_theta ?? given.rope_theta,
    ropePairing: "half",
    tied: given.tie_word_embeddings,
    layers: Array.from({ length: given.num_hidden_layers }, () => layer),
  };
}

function write(config: LlamaConfig): RawConfig {
  alike("ropePairing", [config.ropePairing, "half"]);
  const keyValueHeads = alike(
    "layers.keyValueHeads",
    config.layers.map((layer) => layer.keyValueHeads),
  );
  const keyValueCount = countHeads(keyValueHeads);
  alike("layers.keyValueHeads", [keyValueHeads, evenHeads(keyValueHeads.length, keyValueCount)]);
  return {
    model_type: "llama",
    architectures: ["LlamaForCausalLM"],
    vocab_size: config.vocabularySize,
    hidden_size: config.hiddenSize,
    intermediate_size: alike(
      "layers.feedForward",
      config.layers.map((layer) => layer.feedForward),
    ),
    num_hidden_layers: config.layers.length,
    num_attention_heads: keyValueHeads.length,
    num_key_value_heads: keyValueCount,
    head_dim: config.headDim,
    max_position_embeddings: config.contextLength,
    rms_norm_eps: config.epsilon,
    hidden_act: "silu",
    tie_word_embeddings: config.tied,
    rope_theta: config.ropeBase,
    rope_parameters: { rope_type: "default", rope_theta: config.ropeBase },
  };
}

const LAYER_NAMES: Readonly<Record<string, string>> = {
  "attention.norm": "input_layernorm",
  "attention.query": "self_attn.q_proj",
  "attention.key": "self_attn.k_proj",
  "attention.value": "self_attn.v_proj",
  "attention.output": "self_attn.o_proj",
  "feedForward.norm": "post_attention_layernorm",
  "feedForward.gate": "mlp.gate_proj",
  "feedForward.up": "mlp.up_proj",
  "feedForward.down": "mlp.down_proj",
};

function names(config: LlamaConfig): TensorName[] {
  const layers = config.layers.flatMap((_, index) =>
    Object.entries(LAYER_NAMES).map(([own, theirs]) => ({
      weight: `layers.${index}.${own}`,
      tensor: `model.layers.${index}.${theirs}.weight`,
    })),
  );
  const output = config.tied ? [] : [{ weight: "output", tensor: "lm_head.weight" }];
  return [
    { weight: "embedding", tensor: "model.embed_tokens.weight" },
    ...layers,
    { weight: "norm", tensor: "model.norm.weight" },
    ...output,
  ];
}

export const llamaHuggingFace: HuggingFace<LlamaConfig> = {
  modelTypes: ["llama"],
  read,
  write,
  names,
  base: () => "model.",
  unused: [/rotary_emb\.inv_freq$/, /^lm_head\.weight$/],
};
