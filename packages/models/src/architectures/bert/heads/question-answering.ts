import { z } from "zod";
import type { EncoderHead } from "../head.ts";
import { dense, denseWeights } from "../parts.ts";

export interface QuestionAnsweringOptions {
  readonly task: "question-answering";
  readonly [field: string]: unknown;
}

const NAMES = { "head.output": "qa_outputs" };

/** Logits `[batch, seq, 2]`: that the answer begins at a token, that it ends there (Devlin et al. 2019, section 4.2). */
export const questionAnswering: EncoderHead<QuestionAnsweringOptions> = {
  task: "question-answering",
  options: z.strictObject({ task: z.literal("question-answering") }),
  describe: () => ({ perToken: true, width: 2 }),
  weights: ({ hiddenSize }) => denseWeights("head.output", 2, hiddenSize),
  forward: ({ scope }, hidden) => dense(scope, "head.output", hidden),
  huggingface: {
    classes: ["ForQuestionAnswering"],
    read: () => ({ task: "question-answering" }),
    write: () => ({}),
    names: { Bert: NAMES, Roberta: NAMES, DistilBert: NAMES },
  },
};
