/** Models that `create` knows by name. */
import { nearNames } from "@pare/core";
import {
  encoderDecoderConfig,
  llamaConfig,
  xlnetConfig,
  type EncoderDecoderShape,
  type LlamaShape,
  type ModelConfig,
  type XlnetShape,
} from "@pare/models";
import { flagInvalid, shapeUnknown } from "./errors.ts";

/** What a flag may change of a shape. */
export interface ShapeChanges {
  readonly vocabularySize?: number | undefined;
  readonly contextLength?: number | undefined;
  readonly hiddenSize?: number | undefined;
  /** Of an encoder–decoder, layers of each of the two. */
  readonly layers?: number | undefined;
  readonly heads?: number | undefined;
  /** Decoders alone. */
  readonly keyValueHeads?: number | undefined;
  readonly feedForward?: number | undefined;
  readonly tied?: boolean | undefined;
}

type Shape =
  | { readonly family: "decoder"; readonly shape: LlamaShape }
  | { readonly family: "encoder-decoder"; readonly shape: EncoderDecoderShape }
  | { readonly family: "xlnet"; readonly shape: XlnetShape };

export const SHAPES: Readonly<Record<string, Shape>> = {
  tiny: {
    family: "decoder",
    shape: { vocabularySize: 256, contextLength: 128, hiddenSize: 32, layers: 2, heads: 4, keyValueHeads: 2, feedForward: 64 },
  },
  stories260K: {
    family: "decoder",
    shape: { vocabularySize: 512, contextLength: 512, hiddenSize: 64, layers: 5, heads: 8, keyValueHeads: 4, feedForward: 172 },
  },
  stories15M: {
    family: "decoder",
    shape: { vocabularySize: 32_000, contextLength: 256, hiddenSize: 288, layers: 6, heads: 6, feedForward: 768 },
  },
  "llama-12x768": {
    family: "decoder",
    shape: { vocabularySize: 32_000, contextLength: 1024, hiddenSize: 768, layers: 12, heads: 12, feedForward: 3072 },
  },
  "encoder-decoder-tiny": {
    family: "encoder-decoder",
    shape: { vocabularySize: 256, contextLength: 64, hiddenSize: 32, encoderLayers: 2, decoderLayers: 2, heads: 4, feedForward: 64 },
  },
  "xlnet-tiny": {
    family: "xlnet",
    shape: { vocabularySize: 256, hiddenSize: 32, layers: 2, heads: 4, feedForward: 64, memoryLength: 64 },
  },
  "xlnet-base": {
    family: "xlnet",
    shape: { vocabularySize: 32_000, hiddenSize: 768, layers: 12, heads: 12, feedForward: 3072 },
  },
};

/** The config of a named shape with some of its sizes changed. Throws `cli/shape-unknown`, `cli/flag-invalid`, `models/config-invalid`. */
export function shapedConfig(name: string, changes: ShapeChanges): ModelConfig {
  const known = Object.keys(SHAPES);
  const named = Object.hasOwn(SHAPES, name) ? SHAPES[name]! : undefined;
  if (named === undefined) throw shapeUnknown({ name, known, near: nearNames(name, known) });
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)) as {
    readonly [Name in keyof ShapeChanges]: NonNullable<ShapeChanges[Name]>;
  };
  if (named.family === "decoder") {
    // Fewer or more heads than the shape has leave no meaning in its own number of key/value heads.
    const { keyValueHeads, ...shape } = named.shape;
    return llamaConfig({ ...shape, keyValueHeads: given.heads === undefined ? keyValueHeads : undefined, ...given });
  }
  if (named.family === "xlnet") {
    const { contextLength, keyValueHeads, tied = true, ...shape } = given;
    refuse("--context", contextLength, "none: XLNet reads texts of any length");
    refuse("--kv-heads", keyValueHeads, "none: each head of XLNet has its own keys and values");
    return xlnetConfig({ ...named.shape, ...shape, head: { task: "permuted-token", tied } });
  }
  const { layers, ...rest } = given;
  const both = layers === undefined ? {} : { encoderLayers: layers, decoderLayers: layers };
  return encoderDecoderConfig({ ...named.shape, ...rest, ...both });
}

function refuse(flag: string, found: number | undefined, expected: string): void {
  if (found !== undefined) throw flagInvalid({ flag, expected, found: `${found}` });
}
