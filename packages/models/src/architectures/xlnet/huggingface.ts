/** `xlnet` folders of the transformers library. */
import { z } from "zod";
import type { HuggingFace, RawConfig, TensorName } from "../../architecture.ts";
import type { EncoderActivation } from "../bert/config.ts";
import { headFolderOf, headNames } from "../bert/huggingface.ts";
import { activationField, sizesOf, transformersName } from "../bert/variants.ts";
import { evenHeads, parseConfig } from "../config.ts";
import type { XlnetConfig } from "./config.ts";
import { CLASS_NAME, xlnetHeads } from "./heads.ts";

const size = z.int().min(1);
const entries = z.int().min(0).nullish();

/** What is read of config.json. */
const schema = z.looseObject({
  vocab_size: size.default(32_000),
  d_model: size.default(1024),
  n_layer: z.int().min(0).max(10_000).default(24),
  n_head: size.default(16),
  d_inner: size.default(4096),
  d_head: size.nullish(),
  ff_activation: activationField,
  attn_type: z.enum(["bi", "uni"]).default("bi"),
  layer_norm_eps: z.number().default(1e-12),
  mem_len: entries,
  reuse_len: entries,
  clamp_len: z.int().default(-1),
  same_length: z.boolean().default(false),
  // Such a model reads half of the rows of a batch backwards: what a row means would depend on those beside it.
  bi_data: z.literal(false).nullish(),
});

/** How one vector comes of a text, in the heads that give one answer for all of it. */
const summarySchema = z.looseObject({
  summary_type: z.literal("last").default("last"),
  summary_use_proj: z.literal(true).default(true),
  summary_proj_to_labels: z.literal(false).nullish(),
  summary_activation: activationField.default("tanh"),
});

function read(raw: RawConfig, file: string): XlnetConfig {
  const given = parseConfig(schema, raw, file);
  const heads = given.n_head;
  const layer = { keyValueHeads: evenHeads(heads, heads), feedForward: given.d_inner };
  const config = {
    architecture: "xlnet" as const,
    vocabularySize: given.vocab_size,
    hiddenSize: given.d_model,
    headDim: given.d_head ?? given.d_model / heads,
    epsilon: given.layer_norm_eps,
    activation: given.ff_activation,
    looks: given.attn_type === "bi" ? ("both" as const) : ("backward" as const),
    maxDistance: Math.max(given.clamp_len, 0),
    sameLength: given.same_length,
    memoryLength: given.mem_len ?? 0,
    reuseLength: given.reuse_len ?? 0,
    layers: Array.from({ length: given.n_layer }, () => layer),
  };
  const folder = headFolderOf(xlnetHeads, raw, file);
  const pools = Object.keys(folder.names[CLASS_NAME]!).includes("head.dense");
  const pooled = pools ? parseConfig(summarySchema, raw, file).summary_activation : "tanh";
  return { ...config, head: folder.read(raw, file, { pooled, read: () => config }) };
}

function write(config: XlnetConfig): RawConfig {
  const { head } = config;
  const { huggingface } = xlnetHeads.find(({ task }) => task === head.task)!;
  const { heads, feedForward, activation } = sizesOf(config);
  const pooled = head["activation"] as EncoderActivation | undefined;
  return {
    model_type: "xlnet",
    architectures: [`${CLASS_NAME}${huggingface!.classes[0]!}`],
    vocab_size: config.vocabularySize,
    d_model: config.hiddenSize,
    n_layer: config.layers.length,
    n_head: heads,
    d_inner: feedForward,
    d_head: config.headDim,
    ff_activation: activation,
    attn_type: config.looks === "both" ? "bi" : "uni",
    layer_norm_eps: config.epsilon,
    mem_len: config.memoryLength || null,
    reuse_len: config.reuseLength || null,
    clamp_len: config.maxDistance || -1,
    same_length: config.sameLength,
    bi_data: false,
    ...(pooled === undefined ? {} : { summary_type: "last", summary_use_proj: true, summary_activation: transformersName(pooled) }),
    ...huggingface!.write(head, { pooled: pooled ?? "tanh", read: () => config }),
  };
}

/** Matrices that the file has as `[hidden, heads, headDim]` of its inputs, and those whose rows already are outputs. */
const TURNED = { query: "q", key: "k", value: "v", position: "r" } as const;
const VECTORS = { content: "r_w_bias", position: "r_r_bias", segment: "r_s_bias" } as const;
const PLAIN = { "feedForward.up": "ff.layer_1", "feedForward.down": "ff.layer_2" } as const;
const NORMS = { "attention.norm": "rel_attn.layer_norm", "feedForward.norm": "ff.layer_norm" } as const;

function layerNames({ hiddenSize, headDim, layers }: XlnetConfig, index: number, base: string): TensorName[] {
  const [own, theirs] = [`layers.${index}`, `${base}layer.${index}`];
  const heads = layers[index]!.keyValueHeads.length;
  const [cube, vector] = [
    [hiddenSize, heads, headDim],
    [heads, headDim],
  ];
  const pairs = Object.entries({ ...PLAIN, ...NORMS });
  return [
    ...Object.entries(TURNED).map(([part, name]) => ({
      weight: `${own}.attention.${part}`,
      tensor: `${theirs}.rel_attn.${name}`,
      transposed: true,
      shape: cube,
    })),
    { weight: `${own}.attention.output`, tensor: `${theirs}.rel_attn.o`, shape: cube },
    ...Object.entries(VECTORS).map(([part, name]) => ({
      weight: `${own}.attention.query.${part}`,
      tensor: `${theirs}.rel_attn.${name}`,
      shape: vector,
    })),
    ...["same", "other"].map((part) => ({
      weight: `${own}.attention.segment.${part}`,
      tensor: `${theirs}.rel_attn.seg_embed`,
      shape: [2, heads, headDim],
    })),
    ...headNames(Object.fromEntries(pairs.map(([part, name]) => [`${own}.${part}`, `${theirs}.${name}`]))),
  ];
}

const BASE = "transformer.";

function names(config: XlnetConfig): TensorName[] {
  const { task } = config.head;
  // Models without a head lack the base model's prefix.
  const base = task === "features" ? "" : BASE;
  return [
    { weight: "embedding", tensor: `${base}word_embedding.weight` },
    { weight: "embedding.query", tensor: `${base}mask_emb`, shape: [1, 1, config.hiddenSize] },
    ...config.layers.flatMap((_, index) => layerNames(config, index, base)),
    ...headNames(xlnetHeads.find((head) => head.task === task)!.huggingface!.names[CLASS_NAME]!),
  ];
}

export const xlnetFolders: HuggingFace<XlnetConfig> = {
  modelTypes: ["xlnet"],
  read,
  write,
  names,
  base: () => BASE,
  unused: [/^lm_loss\.(weight|bias)$/],
};
