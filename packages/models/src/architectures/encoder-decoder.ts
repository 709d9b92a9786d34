import { z } from "zod";
import { defineArchitecture, type ArchitecturePlugin } from "../define-architecture.ts";
import { rotaryStyle } from "./blocks.ts";
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
import { sequenceToSequence, type DecoderLayer } from "./sequence-to-sequence.ts";

/**
 * Encoder–decoder transformer (Vaswani et al. 2017) out of the parts of a modern decoder: RMS norm before each branch,
 * rotary positions in the self-attentions, SwiGLU; one vocabulary for source and output.
 */
export interface EncoderDecoderConfig extends TransformerConfig {
  readonly architecture: "encoder-decoder";
  readonly encoder: readonly TransformerLayer[];
  readonly decoder: readonly DecoderLayer[];
}

const schema: z.ZodType<EncoderDecoderConfig> = z.strictObject({
  architecture: z.literal("encoder-decoder"),
  ...configFields,
  encoder: z.array(z.strictObject(layerFields)),
  decoder: z.array(z.strictObject({ ...layerFields, crossKeyValueHeads: layerFields.keyValueHeads })),
});

export interface EncoderDecoderShape extends TransformerShape {
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  /** Default 100: wavelengths of 6 to at most 628 positions. On SCAN, sequences of up to 50, it learns faster than 10000. */
  readonly ropeBase?: number | undefined;
}

/** A config whose layers are all alike. Throws `models/config-invalid`. */
export function encoderDecoderConfig(shape: EncoderDecoderShape): EncoderDecoderConfig {
  const { heads, feedForward: neurons, ropeBase = 100 } = shape;
  const keyValueHeads = evenHeads(heads, heads);
  const layer: TransformerLayer = { keyValueHeads, feedForward: neurons };
  const config = {
    architecture: "encoder-decoder",
    ...freshFields(shape, ropeBase),
    encoder: Array.from({ length: shape.encoderLayers }, () => layer),
    decoder: Array.from({ length: shape.decoderLayers }, () => ({ ...layer, crossKeyValueHeads: keyValueHeads })),
  };
  return parseConfig(schema, config, "config");
}

/** Small encoder–decoder transformer. */
export const encoderDecoder: ArchitecturePlugin<"encoder-decoder"> = defineArchitecture(
  "encoder-decoder",
  "@pare/models",
  sequenceToSequence<EncoderDecoderConfig>({ parse: (raw, file) => parseConfig(schema, raw, file), style: rotaryStyle }),
);
