import { linear } from "@pare/tensor-core";
import { z } from "zod";
import { notExpressible } from "../../../errors.ts";
import { projected } from "../../blocks.ts";
import { activation, type EncoderActivation } from "../config.ts";
import type { EncoderHead } from "../head.ts";
import { activate, biasOf, biasWeight, dense, denseWeights, linearWeight, norm, normWeights } from "../parts.ts";

export interface MaskedTokenOptions {
  readonly task: "masked-token";
  readonly activation: EncoderActivation;
  /** true: the logits come from the embedding. */
  readonly tied: boolean;
  readonly [field: string]: unknown;
}

/** Logits `[batch, seq, vocabulary]` for the token that stands where a mask stands (Devlin et al. 2019, section 3.1). */
export const maskedToken: EncoderHead<MaskedTokenOptions> = {
  task: "masked-token",
  options: z.strictObject({ task: z.literal("masked-token"), activation, tied: z.boolean() }),
  fresh: ({ transform, activation: own }) => ({ activation: transform ?? own, tied: true }),
  describe: ({ vocabularySize }) => ({ perToken: true, width: vocabularySize }),
  weights: ({ hiddenSize, vocabularySize, embeddingSize }, { tied }) => [
    ...denseWeights("head.dense", hiddenSize, hiddenSize),
    ...normWeights("head.norm", hiddenSize),
    ...(tied && embeddingSize !== undefined ? [linearWeight("output.projection", embeddingSize, hiddenSize)] : []),
    ...(tied ? [biasWeight("head.output", vocabularySize)] : denseWeights("head.output", vocabularySize, hiddenSize)),
  ],
  forward: (at, hidden, options) => {
    const { tracer, weight } = at.scope;
    const transformed = norm(at, "head.norm", activate(options.activation, dense(at.scope, "head.dense", hidden)));
    const narrow = options.tied && at.config.embeddingSize !== undefined;
    const read = narrow ? projected(at.scope, "output.projection", transformed) : transformed;
    const input = tracer.site("head.output.input", read);
    return tracer.site("head.output", linear(input, weight(options.tied ? "embedding" : "head.output"), weight(biasOf("head.output"))));
  },
  huggingface: {
    classes: ["ForMaskedLM", "ForPreTraining"],
    read: (raw, file, variant) => ({
      task: "masked-token",
      activation: variant.transform ?? variant.read(raw, file).activation,
      tied: raw["tie_word_embeddings"] !== false,
    }),
    write: (options, { transform }) => {
      if (transform !== undefined && transform !== options.activation)
        throw notExpressible({ file: "config.json", field: "head.activation", expected: transform, found: options.activation });
      return { tie_word_embeddings: options.tied };
    },
    names: {
      Bert: {
        "head.dense": "cls.predictions.transform.dense",
        "head.norm": "cls.predictions.transform.LayerNorm",
        "head.output": "cls.predictions.decoder",
        "head.output.bias": "cls.predictions.bias",
      },
      Roberta: {
        "head.dense": "lm_head.dense",
        "head.norm": "lm_head.layer_norm",
        "head.output": "lm_head.decoder",
        "head.output.bias": "lm_head.bias",
      },
      DistilBert: { "head.dense": "vocab_transform", "head.norm": "vocab_layer_norm", "head.output": "vocab_projector" },
    },
  },
};
