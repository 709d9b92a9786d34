import { z } from "zod";
import type { EncoderHead } from "../head.ts";
import { dense, denseWeights } from "../parts.ts";
import { labels, readLabels, writeLabels } from "./labels.ts";

export interface TokenClassificationOptions {
  readonly task: "token-classification";
  readonly labels: readonly string[];
  readonly [field: string]: unknown;
}

const NAMES = { "head.output": "classifier" };

/** Logits `[batch, seq, labels]`: names, parts of speech. */
export const tokenClassification: EncoderHead<TokenClassificationOptions> = {
  task: "token-classification",
  options: z.strictObject({ task: z.literal("token-classification"), labels }),
  describe: (_config, options) => ({ perToken: true, width: options.labels.length, labels: options.labels }),
  weights: ({ hiddenSize }, options) => denseWeights("head.output", options.labels.length, hiddenSize),
  forward: ({ scope }, hidden) => dense(scope, "head.output", hidden),
  huggingface: {
    classes: ["ForTokenClassification"],
    read: (raw, file) => ({ task: "token-classification", labels: readLabels(raw, file) }),
    write: (options) => writeLabels(options.labels),
    names: { Bert: NAMES, Roberta: NAMES, DistilBert: NAMES },
  },
};
