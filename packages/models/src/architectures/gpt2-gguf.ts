/** Decoders of the GPT-2 kind in GGUF. */
import { GGUF_FILE, ggufFields } from "@pare/formats";
import type { WeightSpec } from "../architecture.ts";
import { notExpressible } from "../errors.ts";
import { float, isGgufOf, type GgufLayout } from "../gguf/mapping.ts";
import type { Imported } from "../imported.ts";
import { evenLayer, ggufSlots, importedGguf, readSizes, sizeFields, weightsOfGguf, type GgufNames } from "./decoder-gguf.ts";
import type { Gpt2Config } from "./gpt2.ts";

const NAMES: GgufNames = {
  model: { embedding: "token_embd", positions: "position_embd", norm: "output_norm", output: "output" },
  layer: {
    "attention.norm": "attn_norm",
    "attention.query": "attn_qkv",
    "attention.key": "attn_qkv",
    "attention.value": "attn_qkv",
    "attention.output": "attn_output",
    "feedForward.norm": "ffn_norm",
    "feedForward.up": "ffn_up",
    "feedForward.down": "ffn_down",
  },
};

/** Throws `models/not-expressible`. */
export function gpt2ToGguf(config: Gpt2Config, weights: readonly WeightSpec[]): GgufLayout {
  const even = evenLayer(config.layers);
  const only = (field: string, expected: string | number, found: string | number): void => {
    if (found !== expected) throw notExpressible({ file: GGUF_FILE, field, expected: `${expected}`, found: `${found}` });
  };
  only("activation", "gelu-tanh", config.activation);
  only("layers.keyValueHeads", even.heads, even.keyValueHeads);
  only("hiddenSize", even.heads * config.headDim, config.hiddenSize);
  return {
    architecture: "gpt2",
    fields: { ...sizeFields(config, even), "attention.layer_norm_epsilon": float(config.epsilon) },
    slots: ggufSlots(weights, NAMES),
  };
}

/** A GGUF file of the architecture `gpt2`; undefined for others. */
export function gpt2FromGguf(content: unknown): Imported | undefined {
  if (!isGgufOf(content, "gpt2")) return undefined;
  const weights = weightsOfGguf(content, NAMES);
  const config: Gpt2Config = {
    architecture: "gpt2",
    vocabularySize: weights.get("embedding")?.shape[0] ?? 0,
    ...readSizes(content, "gpt2"),
    epsilon: ggufFields(content).number("gpt2.attention.layer_norm_epsilon"),
    tied: !weights.has("output"),
    activation: "gelu-tanh",
  };
  return importedGguf(content, config, weights);
}
