import { z } from "zod";
import { activation, type EncoderActivation } from "../config.ts";
import type { EncoderHead } from "../head.ts";
import { labels, readLabels, writeLabels } from "./labels.ts";
import { checkPooled, pooledForward, pooledWeights } from "./pooled.ts";

/** One class of all, any of them, or numbers. */
export type ClassificationKind = "single" | "multiple" | "regression";

export interface SequenceClassificationOptions {
  readonly task: "sequence-classification";
  readonly labels: readonly string[];
  readonly kind: ClassificationKind;
  readonly activation: EncoderActivation;
  readonly [field: string]: unknown;
}

const KINDS: Readonly<Record<ClassificationKind, string>> = {
  single: "single_label_classification",
  multiple: "multi_label_classification",
  regression: "regression",
};

/** Logits `[batch, labels]` of whole texts or pairs of texts. */
export const sequenceClassification: EncoderHead<SequenceClassificationOptions> = {
  task: "sequence-classification",
  options: z.strictObject({
    task: z.literal("sequence-classification"),
    labels,
    kind: z.enum(["single", "multiple", "regression"]),
    activation,
  }),
  fresh: ({ pooled }, { labels: names }) => ({
    activation: pooled,
    kind: kindOf(undefined, Array.isArray(names) ? names.length : 2),
  }),
  describe: (_config, { labels: names, kind }) => ({ perToken: false, width: names.length, labels: names, kind }),
  weights: (config, options) => pooledWeights(config, options.labels.length),
  forward: pooledForward,
  huggingface: {
    classes: ["ForSequenceClassification"],
    read: (raw, file, { pooled }) => {
      const names = readLabels(raw, file);
      return { task: "sequence-classification", labels: names, kind: kindOf(raw["problem_type"], names.length), activation: pooled };
    },
    write: (options, variant) => {
      checkPooled(options, variant);
      return { ...writeLabels(options.labels), problem_type: KINDS[options.kind] };
    },
    names: {
      Bert: { "head.dense": "bert.pooler.dense", "head.output": "classifier" },
      Roberta: { "head.dense": "classifier.dense", "head.output": "classifier.out_proj" },
      DistilBert: { "head.dense": "pre_classifier", "head.output": "classifier" },
    },
  },
};

/** Without a word on it transformers takes one label for a number, several for classes. */
function kindOf(problem: unknown, count: number): ClassificationKind {
  const named = (Object.keys(KINDS) as ClassificationKind[]).find((kind) => KINDS[kind] === problem);
  return named ?? (count === 1 ? "regression" : "single");
}
