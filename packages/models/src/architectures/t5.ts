import { z } from "zod";
import type { Architecture, ModelScope } from "../architecture.ts";
import { defineArchitecture, type ArchitecturePlugin } from "../define-architecture.ts";
import { blockFields, evenHeads, layerFields, parseConfig, type BlockConfig, type TransformerShape } from "./config.ts";
import { bucketBias, firstRow } from "./relative-buckets.ts";
import {
  sequenceToSequence,
  type DecoderLayer,
  type LayerBias,
  type Positions,
  type Stack,
  type StackLayer,
} from "./sequence-to-sequence.ts";
import { activationName, type ActivationName, type BlockStyle } from "./style.ts";
import { startOf, t5HuggingFace } from "./t5-huggingface.ts";

/**
 * Encoder–decoder of the T5 kind (Raffel et al. 2020): RMS norm before each branch, biases of the scores by distance, scores that are
 * not scaled, no other biases.
 */
export interface T5Config extends BlockConfig {
  readonly architecture: "t5";
  readonly activation: ActivationName;
  /** True: the feed-forward parts have a gate (version 1.1). */
  readonly gated: boolean;
  /** True: what the output matrix reads is divided by √hiddenSize (version 1.0). */
  readonly scaledLogits: boolean;
  /** Buckets of distances, and the distance from which on all share the last. */
  readonly buckets: number;
  readonly maxDistance: number;
  /** Columns of the two tables of biases. */
  readonly positionHeads: number;
  readonly encoder: readonly StackLayer[];
  readonly decoder: readonly DecoderLayer[];
}

const columns = z.array(z.int().min(0)).optional();
const stackLayer = { ...layerFields, positionHeads: columns };

const schema: z.ZodType<T5Config> = z
  .strictObject({
    architecture: z.literal("t5"),
    ...blockFields,
    activation: activationName,
    gated: z.boolean(),
    scaledLogits: z.boolean(),
    buckets: z
      .int()
      .min(4)
      .max(2 ** 16)
      .multipleOf(2),
    maxDistance: z
      .int()
      .min(2)
      .max(2 ** 16),
    positionHeads: z
      .int()
      .min(1)
      .max(2 ** 16),
    encoder: z.array(z.strictObject(stackLayer)),
    decoder: z.array(z.strictObject({ ...stackLayer, crossKeyValueHeads: layerFields.keyValueHeads })),
  })
  .refine(({ buckets, maxDistance }) => maxDistance > buckets / 2, {
    path: ["maxDistance"],
    message: "more than half of the buckets",
  })
  .superRefine(({ encoder, decoder, positionHeads: count }, context) => {
    for (const [stack, layers] of Object.entries({ encoder, decoder }))
      for (const [index, { keyValueHeads, positionHeads = keyValueHeads.map((_, head) => head) }] of layers.entries()) {
        if (positionHeads.length === keyValueHeads.length && positionHeads.every((head) => head < count)) continue;
        const path = [stack, index, "positionHeads"];
        context.addIssue({ code: "custom", path, message: `a column of ${count} for each of ${keyValueHeads.length} query heads` });
      }
  });

export interface T5Shape extends TransformerShape {
  /** Layers of each stack. */
  readonly layers: number;
  /** Width of a head; default: hidden size ÷ heads. */
  readonly headDim?: number | undefined;
  /** 1.0: ReLU and scaled logits; 1.1: gated GELU. Default "1.0". */
  readonly version?: "1.0" | "1.1" | undefined;
}

/** A config whose layers are all alike. Throws `models/config-invalid`. */
export function t5Config(shape: T5Shape): T5Config {
  const { vocabularySize, contextLength, hiddenSize, heads, headDim = hiddenSize / heads, version = "1.0" } = shape;
  const first = version === "1.0";
  const keyValueHeads = evenHeads(heads, heads);
  const layer = { keyValueHeads, feedForward: shape.feedForward };
  const config = {
    architecture: "t5",
    vocabularySize,
    contextLength,
    hiddenSize,
    headDim,
    epsilon: 1e-6,
    tied: shape.tied ?? first,
    activation: first ? "relu" : "gelu-tanh",
    gated: !first,
    scaledLogits: first,
    buckets: 32,
    maxDistance: 128,
    positionHeads: heads,
    encoder: Array.from({ length: shape.layers }, () => layer),
    decoder: Array.from({ length: shape.layers }, () => ({ ...layer, crossKeyValueHeads: keyValueHeads })),
  };
  return parseConfig(schema, config, "config");
}

function style({ activation, gated, scaledLogits, hiddenSize }: T5Config): BlockStyle {
  const logitScale = scaledLogits ? 1 / Math.sqrt(hiddenSize) : undefined;
  return { norm: "rms", biases: [], headNorms: false, scoreScale: 1, activation, gated, logitScale };
}

function tableOf(stack: Stack): string {
  return `${stack}.distances`;
}

/** In one pass over whole sequences all rows count alike; rows that stand at places of their own have a bias each. */
function relative(
  { buckets, maxDistance, positionHeads }: T5Config,
  scope: ModelScope,
  stack: Stack,
  { query, key }: Positions,
): LayerBias {
  const places = query === key ? { query: firstRow(query), key: firstRow(key) } : { query, key };
  const bothWays = stack === "encoder";
  return bucketBias(scope, tableOf(stack), places, { buckets: { buckets, maxDistance, bothWays }, heads: positionHeads });
}

const architecture: Architecture<T5Config> = {
  ...sequenceToSequence<T5Config>({
    parse: (raw, file) => parseConfig(schema, raw, file),
    style,
    relative,
    relativeWeights: ({ buckets, positionHeads, hiddenSize }) =>
      (["encoder", "decoder"] as const).map((stack) => ({
        name: tableOf(stack),
        shape: [buckets, positionHeads],
        role: "rows",
        initial: { normal: 1 / Math.sqrt(hiddenSize) },
      })),
  }),
  // T5's tokenizers have no begin token: its decoder starts with padding where its folder says nothing else.
  startToken: ({ huggingface }) => startOf(huggingface),
  huggingface: t5HuggingFace,
};

/** Encoder–decoder of the T5 kind. */
export const t5: ArchitecturePlugin<"t5"> = defineArchitecture("t5", "@pare/models", architecture);
