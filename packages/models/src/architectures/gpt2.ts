import { add, cast, minimum, rows, type Value } from "@pare/tensor-core";
import { z } from "zod";
import type { Architecture, ModelScope } from "../architecture.ts";
import { embedTokens } from "./blocks.ts";
import { defineArchitecture, type ArchitecturePlugin } from "../define-architecture.ts";
import {
  blockFields,
  evenHeads,
  layerFields,
  parseConfig,
  type BlockConfig,
  type TransformerLayer,
  type TransformerShape,
} from "./config.ts";
import { decoderArchitecture } from "./decoder.ts";
import { gpt2FromGguf, gpt2ToGguf } from "./gpt2-gguf.ts";
import { gpt2HuggingFace } from "./gpt2-huggingface.ts";
import { activationName, type ActivationName, type BlockStyle } from "./style.ts";

/** Decoder of the GPT-2 kind (Radford et al. 2019): learned positions, layer norm before each branch, biases everywhere, GELU. */
export interface Gpt2Config extends BlockConfig {
  readonly architecture: "gpt2";
  readonly activation: ActivationName;
  readonly layers: readonly TransformerLayer[];
}

const schema: z.ZodType<Gpt2Config> = z.strictObject({
  architecture: z.literal("gpt2"),
  ...blockFields,
  activation: activationName,
  layers: z.array(z.strictObject(layerFields)),
});

export interface Gpt2Shape extends TransformerShape {
  readonly layers: number;
}

/** A config whose layers are all alike. Throws `models/config-invalid`. */
export function gpt2Config(shape: Gpt2Shape): Gpt2Config {
  const { vocabularySize, contextLength, hiddenSize, heads, feedForward: neurons, tied = true } = shape;
  const layer: TransformerLayer = { keyValueHeads: evenHeads(heads, heads), feedForward: neurons };
  const config = {
    architecture: "gpt2",
    vocabularySize,
    contextLength,
    hiddenSize,
    headDim: hiddenSize / heads,
    epsilon: 1e-5,
    tied,
    activation: "gelu-tanh",
    layers: Array.from({ length: shape.layers }, () => layer),
  };
  return parseConfig(schema, config, "config");
}

function style({ headDim, activation }: Gpt2Config): BlockStyle {
  const biases = ["query", "key", "value", "output", "up", "down"] as const;
  return { norm: "layer", biases, headNorms: false, scoreScale: 1 / Math.sqrt(headDim), activation, gated: false };
}

/** Words and places; padding past the end of the table takes its last row. */
function embed(scope: ModelScope, config: Gpt2Config, tokens: Value, positions: Value): Value {
  const places = cast(minimum(cast(positions, "f32"), config.contextLength - 1), "i32");
  return add(embedTokens(scope, config, tokens), rows(scope.weight("positions"), places));
}

const parts = decoderArchitecture<Gpt2Config>({
  parse: (raw, file) => parseConfig(schema, raw, file),
  style,
  embed,
  embeddingWeights: ({ contextLength, hiddenSize }) => [
    { name: "positions", shape: [contextLength, hiddenSize], role: "rows", initial: { normal: 0.1 / Math.sqrt(hiddenSize) } },
  ],
});

const architecture: Architecture<Gpt2Config> = {
  ...parts,
  imports: { gguf: gpt2FromGguf },
  exports: { gguf: (config) => gpt2ToGguf(config, parts.weights(config)) },
  huggingface: gpt2HuggingFace,
};

/** Decoder of the GPT-2 kind. */
export const gpt2: ArchitecturePlugin<"gpt2"> = defineArchitecture("gpt2", "@pare/models", architecture);
