/** `llama`, `mistral`, `qwen2` and `qwen3` folders of the transformers library. */
import type { StoredWeight } from "@pare/tensor-core";
import { z } from "zod";
import type { HuggingFace, RawConfig, TensorName } from "../architecture.ts";
import { notExpressible } from "../errors.ts";
import { halfPairs } from "../gguf/mapping.ts";
import { alike } from "../huggingface/alike.ts";
import { reorderRows } from "../weight-rows.ts";
import { countHeads, evenHeads, parseConfig } from "./config.ts";
import type { LlamaConfig } from "./llama.ts";
import { readRope, ropeFields, writeRope } from "./rope-huggingface.ts";
import type { Projection } from "./style.ts";

const MODEL_TYPES = ["llama", "mistral", "qwen2", "qwen3"] as const;

type ModelType = (typeof MODEL_TYPES)[number];

/** What is read of config.json; options that change the computation are let through only with the values that this can compute. */
const schema = z.looseObject({
  model_type: z.enum(MODEL_TYPES),
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
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  sliding_window: z.int().nullish(),
  use_sliding_window: z.literal(false).optional(),
  layer_types: z.array(z.literal("full_attention")).nullish(),
  ...ropeFields,
});

/** The biases that the library's models of a type have, by what their configs can switch. */
function biasesOf(type: ModelType, attention: boolean, feedForward: boolean): Projection[] {
  const all: Projection[] = attention && type !== "qwen2" && type !== "mistral" ? ["query", "key", "value", "output"] : [];
  const own: Projection[] = type === "qwen2" ? ["query", "key", "value"] : all;
  return feedForward && type === "llama" ? [...own, "gate", "up", "down"] : own;
}

function read(raw: RawConfig, file: string): LlamaConfig {
  const given = parseConfig(schema, raw, file);
  refuseWindow(given, file);
  const heads = given.num_attention_heads;
  const layer = { keyValueHeads: evenHeads(heads, given.num_key_value_heads ?? heads), feedForward: given.intermediate_size };
  const biases = biasesOf(given.model_type, given.attention_bias, given.mlp_bias);
  return {
    architecture: "llama",
    vocabularySize: given.vocab_size,
    contextLength: given.max_position_embeddings,
    hiddenSize: given.hidden_size,
    headDim: given.head_dim ?? given.hidden_size / heads,
    epsilon: given.rms_norm_eps,
    ...readRope(given),
    ropePairing: "half",
    tied: given.tie_word_embeddings,
    ...(biases.length === 0 ? {} : { biases }),
    ...(given.model_type === "qwen3" ? { headNorms: true } : {}),
    layers: Array.from({ length: given.num_hidden_layers }, () => layer),
  };
}

/** Mistral's window counts wherever it is a number, Qwen's where it is switched on, which the schema refuses. */
function refuseWindow(given: z.output<typeof schema>, file: string): void {
  const { model_type: type, sliding_window: window, max_position_embeddings: context } = given;
  if (type !== "mistral" || window === undefined || window === null || window >= context) return;
  parseConfig(z.looseObject({ sliding_window: z.int().min(context) }), given, file);
}

/** The library's type that has these biases and norms, the one that the model came as where it has them too. */
function typeOf(config: LlamaConfig): { readonly type: ModelType; readonly attention: boolean; readonly feedForward: boolean } {
  const came = config.huggingface?.["model_type"] as ModelType | undefined;
  const wanted = [...(config.biases ?? [])].sort().join();
  const order = came === undefined || !MODEL_TYPES.includes(came) ? MODEL_TYPES : [came, ...MODEL_TYPES];
  for (const type of order) {
    if ((type === "qwen3") !== (config.headNorms ?? false)) continue;
    for (const attention of [false, true])
      for (const feedForward of [false, true])
        if (biasesOf(type, attention, feedForward).sort().join() === wanted) return { type, attention, feedForward };
  }
  throw notExpressible({
    file: "config.json",
    field: "biases",
    expected: "the biases and norms of llama, qwen2 or qwen3",
    found: `biases of ${wanted === "" ? "nothing" : wanted}${config.headNorms === true ? ", norms of heads" : ""}`,
  });
}

const CLASSES: Readonly<Record<ModelType, string>> = {
  llama: "LlamaForCausalLM",
  mistral: "MistralForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
};

function write(config: LlamaConfig): RawConfig {
  const { type, attention, feedForward } = typeOf(config);
  const keyValueHeads = alike(
    "layers.keyValueHeads",
    config.layers.map((layer) => layer.keyValueHeads),
  );
  const keyValueCount = countHeads(keyValueHeads);
  alike("layers.keyValueHeads", [keyValueHeads, evenHeads(keyValueHeads.length, keyValueCount)]);
  if (type === "qwen2") alike("hiddenSize", [keyValueHeads.length * config.headDim, config.hiddenSize]);
  return {
    model_type: type,
    architectures: [CLASSES[type]],
    vocab_size: config.vocabularySize,
    hidden_size: config.hiddenSize,
    intermediate_size: alike(
      "layers.feedForward",
      config.layers.map((layer) => layer.feedForward),
    ),
    num_hidden_layers: config.layers.length,
    num_attention_heads: keyValueHeads.length,
    num_key_value_heads: keyValueCount,
    ...(type === "qwen2" ? {} : { head_dim: config.headDim, attention_bias: attention }),
    ...(type === "llama" ? { mlp_bias: feedForward } : {}),
    ...(type === "qwen2" || type === "qwen3" ? { layer_types: config.layers.map(() => "full_attention") } : {}),
    max_position_embeddings: config.contextLength,
    rms_norm_eps: config.epsilon,
    hidden_act: "silu",
    tie_word_embeddings: config.tied,
    ...writeRope(config),
  };
}

const LAYER_NAMES: Readonly<Record<string, string>> = {
  "attention.norm": "input_layernorm",
  "attention.query": "self_attn.q_proj",
  "attention.key": "self_attn.k_proj",
  "attention.value": "self_attn.v_proj",
  "attention.output": "self_attn.o_proj",
  "attention.query.norm": "self_attn.q_norm",
  "attention.key.norm": "self_attn.k_norm",
  "feedForward.norm": "post_attention_layernorm",
  "feedForward.gate": "mlp.gate_proj",
  "feedForward.up": "mlp.up_proj",
  "feedForward.down": "mlp.down_proj",
};

/** All that any of the types has; the weights of the config say which there are. */
function names(config: LlamaConfig): TensorName[] {
  const layers = config.layers.flatMap((_, index) =>
    Object.entries(LAYER_NAMES).flatMap(([own, theirs]) => [
      { weight: `layers.${index}.${own}`, tensor: `model.layers.${index}.${theirs}.weight` },
      { weight: `layers.${index}.${own}.bias`, tensor: `model.layers.${index}.${theirs}.bias` },
    ]),
  );
  return [
    { weight: "embedding", tensor: "model.embed_tokens.weight" },
    ...layers,
    { weight: "norm", tensor: "model.norm.weight" },
    ...(config.tied ? [] : [{ weight: "output", tensor: "lm_head.weight" }]),
  ];
}

/** The library turns numbers half a head apart: rows of queries and keys are put so, and norms of heads with them. */
function halfPaired(config: LlamaConfig, weights: ReadonlyMap<string, StoredWeight>): Turned | undefined {
  if (config.ropePairing === "half") return undefined;
  const turned = [...weights].map(([name, weight]) => {
    if (!/^layers\.\d+\.attention\.(query|key)(\.bias|\.norm)?$/.test(name)) return [name, weight] as const;
    return [name, reorderRows(weight, halfPairs(weight.shape[0]! / config.headDim, config.headDim))] as const;
  });
  return { config: { ...config, ropePairing: "half" }, weights: new Map(turned) };
}

interface Turned {
  readonly config: LlamaConfig;
  readonly weights: ReadonlyMap<string, StoredWeight>;
}

export const llamaHuggingFace: HuggingFace<LlamaConfig> = {
  modelTypes: MODEL_TYPES,
  read,
  write,
  names,
  library: halfPaired,
  base: () => "model.",
  unused: [/rotary_emb\.inv_freq$/, /^lm_head\.weight$/],
};
