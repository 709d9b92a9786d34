import { z } from "zod";
import type { Architecture } from "../architecture.ts";
import { defineArchitecture, type ArchitecturePlugin } from "../define-architecture.ts";
import { embedTokens, rotaryStyle } from "./blocks.ts";
import {
  configFields,
  evenHeads,
  freshFields,
  layerFields,
  parseConfig,
  type TransformerConfig,
  type TransformerLayer,
  type TransformerShape,
} from "./config.ts";
import { llamaFromGguf, llamaToGguf } from "./llama-gguf.ts";
import { decoderArchitecture } from "./decoder.ts";
import { llamaHuggingFace } from "./llama-huggingface.ts";
import { importLlama2c } from "./llama2c-import.ts";
import { ropeScaling, scaledFrequencies, scoreFactor, type RopeScaling } from "./rope-scaling.ts";
import { projectionName, type BlockStyle, type Projection } from "./style.ts";

/**
 * Decoder of the LLaMA kind (Touvron et al. 2023): RMS norm, rotary positions, grouped-query attention, SwiGLU. Qwen's add biases
 * (2) or norms of each head's query and key (3).
 */
export interface LlamaConfig extends TransformerConfig {
  readonly architecture: "llama";
  /** Projections that add a bias; default none. */
  readonly biases?: readonly Projection[] | undefined;
  /** RMS norms of each head's query and key before they turn; default false. */
  readonly headNorms?: boolean | undefined;
  readonly ropeScaling?: RopeScaling | undefined;
  readonly layers: readonly TransformerLayer[];
}

const schema: z.ZodType<LlamaConfig> = z.strictObject({
  architecture: z.literal("llama"),
  ...configFields,
  biases: z.array(projectionName).optional(),
  headNorms: z.boolean().optional(),
  ropeScaling: ropeScaling.optional(),
  layers: z.array(z.strictObject(layerFields)),
});

export interface LlamaShape extends TransformerShape {
  readonly layers: number;
  /** Default: as many as heads. */
  readonly keyValueHeads?: number | undefined;
  /** Width of a head; default: hidden size ÷ heads. */
  readonly headDim?: number | undefined;
  readonly biases?: readonly Projection[] | undefined;
  readonly headNorms?: boolean | undefined;
  /** Default 10,000. */
  readonly ropeBase?: number | undefined;
}

/** A config whose layers are all alike. Throws `models/config-invalid`. */
export function llamaConfig(shape: LlamaShape): LlamaConfig {
  const { heads, keyValueHeads = heads, feedForward: neurons, headDim, biases, headNorms, ropeBase = 10_000 } = shape;
  const layer: TransformerLayer = { keyValueHeads: evenHeads(heads, keyValueHeads), feedForward: neurons };
  const layers = Array.from({ length: shape.layers }, () => layer);
  const given = { ...(headDim && { headDim }), ...(biases && { biases }), ...(headNorms && { headNorms }) };
  return parseConfig(schema, { architecture: "llama", ...freshFields(shape, ropeBase), ...given, layers }, "config");
}

function style(config: LlamaConfig): BlockStyle {
  const { biases = [], headNorms = false, headDim, ropeBase, ropeScaling: scaling } = config;
  const plain = rotaryStyle(config);
  const frequencies = scaledFrequencies(headDim, ropeBase, scaling);
  const rope = frequencies === undefined ? plain.rope : { ...plain.rope!, frequencies };
  return { ...plain, biases, headNorms, rope, scoreScale: plain.scoreScale * scoreFactor(scaling) };
}

const parts = decoderArchitecture<LlamaConfig>({
  parse: (raw, file) => parseConfig(schema, raw, file),
  style,
  embed: embedTokens,
});

const architecture: Architecture<LlamaConfig> = {
  ...parts,
  imports: { llama2c: importLlama2c, gguf: llamaFromGguf },
  exports: { gguf: (config) => llamaToGguf(config, parts.weights(config)) },
  huggingface: llamaHuggingFace,
};

/** Decoder of the LLaMA kind. Reads llama2.c checkpoints too. */
export const llama: ArchitecturePlugin<"llama"> = defineArchitecture("llama", "@pare/models", architecture);
