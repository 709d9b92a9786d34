/** `t5` folders of the transformers library. */
import { z } from "zod";
import type { HuggingFace, RawConfig, TensorName } from "../architecture.ts";
import { notExpressible } from "../errors.ts";
import { alike } from "../huggingface/alike.ts";
import { evenHeads, parseConfig } from "./config.ts";
import { fromTransformers, toTransformers, transformersActivation } from "./huggingface-activations.ts";
import type { T5Config } from "./t5.ts";

/** What is read of config.json. */
const schema = z.looseObject({
  vocab_size: z.int().min(1),
  d_model: z.int().min(1),
  d_kv: z.int().min(1),
  d_ff: z.int().min(1),
  num_layers: z.int().min(1).max(10_000),
  num_decoder_layers: z.int().min(1).max(10_000).nullish(),
  num_heads: z.int().min(1),
  relative_attention_num_buckets: z.int().default(32),
  relative_attention_max_distance: z.int().default(128),
  layer_norm_epsilon: z.number().default(1e-6),
  feed_forward_proj: z
    .string()
    .regex(/^(gated-)?[a-z_]+$/)
    .default("relu"),
  n_positions: z.int().min(1).default(512),
  tie_word_embeddings: z.boolean().default(true),
  scale_decoder_outputs: z.boolean().optional(),
});

function read(raw: RawConfig, file: string): T5Config {
  const given = parseConfig(schema, raw, file);
  const [, gate, name] = /^(gated-)?(.+)$/.exec(given.feed_forward_proj)!;
  const activation = parseConfig(z.looseObject({ feed_forward_proj: transformersActivation }), { feed_forward_proj: name }, file);
  // "gated-gelu" has always meant the tanh form, "gelu" alone the exact one.
  const gelu = given.feed_forward_proj === "gated-gelu" ? "gelu-tanh" : fromTransformers(activation.feed_forward_proj);
  const heads = given.num_heads;
  const keyValueHeads = evenHeads(heads, heads);
  const layer = { keyValueHeads, feedForward: given.d_ff };
  // One field says both: version 1.0 is tied and scaled, 1.1 is neither. Version 5 of the library keeps the scale in a field of its own.
  const first = given.scale_decoder_outputs ?? given.tie_word_embeddings;
  return {
    architecture: "t5",
    vocabularySize: given.vocab_size,
    contextLength: given.n_positions,
    hiddenSize: given.d_model,
    headDim: given.d_kv,
    epsilon: given.layer_norm_epsilon,
    tied: first,
    activation: gelu,
    gated: gate !== undefined,
    scaledLogits: first,
    buckets: given.relative_attention_num_buckets,
    maxDistance: given.relative_attention_max_distance,
    positionHeads: heads,
    encoder: Array.from({ length: given.num_layers }, () => layer),
    decoder: Array.from({ length: given.num_decoder_layers ?? given.num_layers }, () => ({ ...layer, crossKeyValueHeads: keyValueHeads })),
  };
}

function write(config: T5Config): RawConfig {
  const layers = [...config.encoder, ...config.decoder];
  const mapping = [...layers.map((layer) => layer.keyValueHeads), ...config.decoder.map((layer) => layer.crossKeyValueHeads)];
  const heads = alike("layers.keyValueHeads", mapping).length;
  alike("layers.keyValueHeads", [mapping[0], evenHeads(heads, heads)]);
  const own = evenHeads(heads, heads);
  alike("positionHeads", [own, ...layers.map(({ positionHeads = own }) => positionHeads)]);
  alike("positionHeads", [config.positionHeads, heads]);
  if (config.tied !== config.scaledLogits) {
    const found = `tied ${config.tied}, scaledLogits ${config.scaledLogits}`;
    throw notExpressible({ file: "config.json", field: "tied", expected: "the same as scaledLogits", found });
  }
  const activation = config.gated && config.activation === "gelu-tanh" ? "gelu" : toTransformers(config.activation);
  if (config.gated && config.activation === "gelu") {
    throw notExpressible({ file: "config.json", field: "activation", expected: "gelu-tanh with a gate", found: "gelu with a gate" });
  }
  return {
    model_type: "t5",
    architectures: ["T5ForConditionalGeneration"],
    is_encoder_decoder: true,
    vocab_size: config.vocabularySize,
    d_model: config.hiddenSize,
    d_kv: config.headDim,
    d_ff: alike(
      "layers.feedForward",
      layers.map((layer) => layer.feedForward),
    ),
    num_layers: config.encoder.length,
    num_decoder_layers: config.decoder.length,
    num_heads: heads,
    relative_attention_num_buckets: config.buckets,
    relative_attention_max_distance: config.maxDistance,
    layer_norm_epsilon: config.epsilon,
    feed_forward_proj: `${config.gated ? "gated-" : ""}${activation}`,
    n_positions: config.contextLength,
    ...writeTied(config),
    decoder_start_token_id: startOf(config.huggingface),
  };
}

/** What the decoder reads first. */
export function startOf(raw: RawConfig | undefined): number {
  const start = raw?.["decoder_start_token_id"] ?? raw?.["pad_token_id"];
  return Number.isInteger(start) ? (start as number) : 0;
}

/** As the folder said it that the model came from, where that still holds. */
function writeTied({ tied, huggingface: came }: T5Config): RawConfig {
  if (came !== undefined && came["scale_decoder_outputs"] === tied) return { tie_word_embeddings: came["tie_word_embeddings"] };
  return { tie_word_embeddings: tied, scale_decoder_outputs: tied };
}

const ATTENTION: Readonly<Record<string, string>> = { query: "q", key: "k", value: "v", output: "o" };

function names(config: T5Config): TensorName[] {
  const attention = (own: string, theirs: string, kind: string): TensorName[] => [
    { weight: `${own}.norm`, tensor: `${theirs}.layer_norm.weight` },
    ...Object.entries(ATTENTION).map(([part, name]) => ({ weight: `${own}.${part}`, tensor: `${theirs}.${kind}.${name}.weight` })),
  ];
  const feedForward = (own: string, theirs: string): TensorName[] => [
    { weight: `${own}.norm`, tensor: `${theirs}.layer_norm.weight` },
    ...(config.gated ? [{ weight: `${own}.gate`, tensor: `${theirs}.DenseReluDense.wi_0.weight` }] : []),
    { weight: `${own}.up`, tensor: `${theirs}.DenseReluDense.${config.gated ? "wi_1" : "wi"}.weight` },
    { weight: `${own}.down`, tensor: `${theirs}.DenseReluDense.wo.weight` },
  ];
  return [
    { weight: "embedding", tensor: "shared.weight", aliases: ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"] },
    ...(["encoder", "decoder"] as const).flatMap((stack) => [
      { weight: `${stack}.distances`, tensor: `${stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight` },
      { weight: `${stack}.norm`, tensor: `${stack}.final_layer_norm.weight` },
    ]),
    ...config.encoder.flatMap((_, index) => [
      ...attention(`encoder.${index}.attention`, `encoder.block.${index}.layer.0`, "SelfAttention"),
      ...feedForward(`encoder.${index}.feedForward`, `encoder.block.${index}.layer.1`),
    ]),
    ...config.decoder.flatMap((_, index) => [
      ...attention(`decoder.${index}.attention`, `decoder.block.${index}.layer.0`, "SelfAttention"),
      ...attention(`decoder.${index}.crossAttention`, `decoder.block.${index}.layer.1`, "EncDecAttention"),
      ...feedForward(`decoder.${index}.feedForward`, `decoder.block.${index}.layer.2`),
    ]),
    // Models that the library made anew under the name of version 1.1 share the matrix all the same.
    ...(config.tied ? [] : [{ weight: "output", tensor: "lm_head.weight", aliases: ["shared.weight"] }]),
  ];
}

export const t5HuggingFace: HuggingFace<T5Config> = {
  modelTypes: ["t5"],
  read,
  write,
  names,
  unused: [/^lm_head\.weight$/, /^(en|de)coder\.embed_tokens\.weight$/, /EncDecAttention\.relative_attention_bias\.weight$/],
};
