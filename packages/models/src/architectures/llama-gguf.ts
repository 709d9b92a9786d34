/** Decoders of the LLaMA kind in GGUF. */
import { GGUF_FILE, ggufFields, type GgufFile } from "@pare/formats";
import type { StoredWeight } from "@pare/tensor-core";
import type { WeightSpec } from "../architecture.ts";
import { configInvalid, notExpressible } from "../errors.ts";
import { readGgufTokenizer } from "../gguf/read-tokenizer.ts";
import { ggufProvenance } from "../gguf/provenance.ts";
import { adjacentPairs, float, ggufWeight, isGgufOf, u32, type GgufLayout, type GgufSlot } from "../gguf/mapping.ts";
import { alike } from "../huggingface/alike.ts";
import type { Imported } from "../imported.ts";
import { countHeads, evenHeads, type TransformerLayer } from "./config.ts";
import type { LlamaConfig } from "./llama.ts";

const LAYER_NAMES: Readonly<Record<string, string>> = {
  "attention.norm": "attn_norm",
  "attention.query": "attn_q",
  "attention.key": "attn_k",
  "attention.value": "attn_v",
  "attention.output": "attn_output",
  "feedForward.norm": "ffn_norm",
  "feedForward.gate": "ffn_gate",
  "feedForward.up": "ffn_up",
  "feedForward.down": "ffn_down",
};
const NAMES: Readonly<Record<string, string>> = { embedding: "token_embd", norm: "output_norm", output: "output" };

/** GGUF's `llama` has one number of heads and neurons for all layers, and turns neighbours: rows of other models are put so. */
export function llamaToGguf(config: LlamaConfig, weights: readonly WeightSpec[]): GgufLayout {
  refuseOptions(config);
  const { heads, keyValueHeads, feedForward } = evenLayer(config.layers);
  const { headDim } = config;
  const slots = weights.map(({ name }): GgufSlot => {
    const [, index, part = name] = /^layers\.(\d+)\.(.+)$/.exec(name) ?? [];
    const order =
      config.ropePairing === "adjacent"
        ? undefined
        : { "attention.query": adjacentPairs(heads, headDim), "attention.key": adjacentPairs(keyValueHeads, headDim) }[part];
    return { name: `${index === undefined ? NAMES[name]! : `blk.${index}.${LAYER_NAMES[part]!}`}.weight`, weights: [name], order };
  });
  return {
    architecture: "llama",
    fields: {
      vocab_size: u32(config.vocabularySize),
      context_length: u32(config.contextLength),
      embedding_length: u32(config.hiddenSize),
      block_count: u32(config.layers.length),
      feed_forward_length: u32(feedForward),
      "attention.head_count": u32(heads),
      "attention.head_count_kv": u32(keyValueHeads),
      "attention.key_length": u32(headDim),
      "attention.value_length": u32(headDim),
      "attention.layer_norm_rms_epsilon": float(config.epsilon),
      "rope.dimension_count": u32(headDim),
      "rope.freq_base": float(config.ropeBase),
    },
    slots,
  };
}

/** GGUF's `llama` has none of these here; llama.cpp would compute another model without a word. */
function refuseOptions({ biases = [], headNorms = false, ropeScaling }: LlamaConfig): void {
  const refuse = (field: string, expected: string, found: string): Error => notExpressible({ file: GGUF_FILE, field, expected, found });
  if (biases.length > 0) throw refuse("biases", "none", biases.join(", "));
  if (headNorms) throw refuse("headNorms", "false", "true");
  if (ropeScaling !== undefined) throw refuse("ropeScaling", "none", ropeScaling.type);
}

/** What all layers have alike. Throws `models/not-expressible`. */
export function evenLayer(layers: readonly TransformerLayer[]): { heads: number; keyValueHeads: number; feedForward: number } {
  const mapping = alike(
    "layers.keyValueHeads",
    layers.map((layer) => layer.keyValueHeads),
    GGUF_FILE,
  );
  const heads = mapping.length;
  const keyValueHeads = countHeads(mapping);
  alike("layers.keyValueHeads", [mapping, evenHeads(heads, keyValueHeads)], GGUF_FILE);
  const feedForward = alike(
    "layers.feedForward",
    layers.map((layer) => layer.feedForward),
    GGUF_FILE,
  );
  if (heads % keyValueHeads !== 0 || heads === 0 || feedForward === 0) {
    const found = `${heads} over ${keyValueHeads}, and ${feedForward} neurons`;
    throw notExpressible({
      file: GGUF_FILE,
      field: "layers",
      expected: "query heads that share key/value heads evenly, and neurons",
      found,
    });
  }
  return { heads, keyValueHeads, feedForward };
}

/** A GGUF file of the architecture `llama`; undefined for others. */
export function llamaFromGguf(content: unknown): Imported | undefined {
  if (!isGgufOf(content, "llama")) return undefined;
  const { file, tensors } = content;
  const names = new Map(Object.entries(LAYER_NAMES).map(([own, name]) => [name, own]));
  const weights = new Map<string, StoredWeight>();
  for (const [name, tensor] of tensors) {
    const [, index, part = name] = /^blk\.(\d+)\.(.+)$/.exec(name) ?? [];
    const known = part.replace(/\.weight$/, "");
    const own = index === undefined ? Object.keys(NAMES).find((one) => NAMES[one] === known) : names.get(known);
    // A name that nobody knows stays as it is: what the architecture asks for is checked against all of them.
    weights.set(own === undefined ? name : index === undefined ? own : `layers.${index}.${own}`, ggufWeight(tensor, file));
  }
  const config = configOf(content, weights);
  const { tokenizer, origin, provenance } = { tokenizer: readGgufTokenizer(content), ...ggufProvenance(content) };
  return { config, tensors: new Map(), weights, tokenizer, file, origin, provenance };
}

function configOf(content: GgufFile, weights: ReadonlyMap<string, StoredWeight>): LlamaConfig {
  const fields = ggufFields(content);
  const count = fields.integer("llama.block_count");
  if (count < 1 || count > content.tensors.size)
    throw fields.fail("llama.block_count", `1 to ${content.tensors.size}, the number of tensors`, `${count}`);
  const heads = fields.perLayer("llama.attention.head_count", count);
  const keyValue = fields.perLayer("llama.attention.head_count_kv", count, heads[0]);
  const neurons = fields.perLayer("llama.feed_forward_length", count);
  const hiddenSize = fields.integer("llama.embedding_length");
  const headDim = fields.integer("llama.attention.key_length", Math.floor(hiddenSize / heads[0]!));
  refuseOthers(content, headDim);
  for (const [layer, number] of heads.entries()) {
    const shared = keyValue[layer]!;
    const even = number >= 1 && number <= 65_536 && shared >= 1 && number % shared === 0;
    if (!even) throw fields.fail("llama.attention.head_count_kv", `a divisor of ${number} heads`, `${shared}`);
  }
  return {
    architecture: "llama",
    vocabularySize: weights.get("embedding")?.shape[0] ?? 0,
    contextLength: fields.integer("llama.context_length"),
    hiddenSize,
    headDim,
    epsilon: fields.number("llama.attention.layer_norm_rms_epsilon"),
    ropeBase: fields.number("llama.rope.freq_base", 10_000),
    ropePairing: "adjacent",
    tied: !weights.has("output"),
    layers: heads.map((number, layer) => ({ keyValueHeads: evenHeads(number, keyValue[layer]!), feedForward: neurons[layer]! })),
  };
}

/** Keys that change what is computed, in ways that are not read. Throws `models/config-invalid`. */
function refuseOthers(content: GgufFile, headDim: number): void {
  const fields = ggufFields(content);
  const only = (key: string, expected: string | number, found: string | number): void => {
    if (found !== expected) throw configInvalid({ file: content.file, field: key, expected: `${expected}`, found: `${found}` });
  };
  only("llama.rope.dimension_count", headDim, fields.integer("llama.rope.dimension_count", headDim));
  only("llama.attention.value_length", headDim, fields.integer("llama.attention.value_length", headDim));
  only("llama.rope.scaling.type", "none", fields.string("llama.rope.scaling.type", "none"));
  only("llama.rope.scale_linear", 1, fields.number("llama.rope.scale_linear", 1));
  only("llama.expert_count", 0, fields.integer("llama.expert_count", 0));
}
