import { z } from "zod";
import { activation, type EncoderActivation } from "../config.ts";
import type { EncoderHead } from "../head.ts";
import { checkPooled, pooledForward, pooledWeights } from "./pooled.ts";

export interface MultipleChoiceOptions {
  readonly task: "multiple-choice";
  readonly activation: EncoderActivation;
  readonly [field: string]: unknown;
}

/** One logit per row, `[batch, 1]`: each row is a question with one of its choices; a softmax over a question's rows weighs them. */
export const multipleChoice: EncoderHead<MultipleChoiceOptions> = {
  task: "multiple-choice",
  options: z.strictObject({ task: z.literal("multiple-choice"), activation }),
  fresh: ({ pooled }) => ({ activation: pooled }),
  describe: () => ({ perToken: false, width: 1 }),
  weights: (config) => pooledWeights(config, 1),
  forward: pooledForward,
  huggingface: {
    classes: ["ForMultipleChoice"],
    // transformers uses RoBERTa's pooler here, which is tanh as its classification head is.
    read: (_raw, _file, { pooled }) => ({ task: "multiple-choice", activation: pooled }),
    write: (options, variant) => (checkPooled(options, variant), {}),
    names: {
      Bert: { "head.dense": "bert.pooler.dense", "head.output": "classifier" },
      Roberta: { "head.dense": "roberta.pooler.dense", "head.output": "classifier" },
      DistilBert: { "head.dense": "pre_classifier", "head.output": "classifier" },
    },
  },
};
