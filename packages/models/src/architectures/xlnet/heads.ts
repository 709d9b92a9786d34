/** What stands on XLNet's hidden states. Where its heads are BERT's, transformers calls them otherwise and pools the last token. */
import { add, equal, linear, matmul, reshape, slice, subDims, type Dim, type Value } from "@pare/tensor-core";
import { z } from "zod";
import type { EncoderHead, HeadOptions, HeadScope } from "../bert/head.ts";
import { features, multipleChoice, questionAnswering, sequenceClassification, tokenClassification } from "../bert/heads/index.ts";
import { classesOf, type PooledOptions } from "../bert/heads/pooled.ts";
import { biasOf, biasWeight, denseWeights } from "../bert/parts.ts";

/** Name of the classes in transformers: XLNetLMHeadModel. */
export const CLASS_NAME = "XLNet";

function named(table: Readonly<Record<string, string>>): Readonly<Record<string, Readonly<Record<string, string>>>> {
  return { [CLASS_NAME]: table };
}

export interface PermutedTokenOptions {
  readonly task: "permuted-token";
  /** true: the logits come from the embedding. */
  readonly tied: boolean;
  readonly [field: string]: unknown;
}

/** Logits `[batch, seq, vocabulary]`, or `[batch, targets, vocabulary]` of the targets of a permutation (Yang et al. 2019, eq. 4). */
const permutedToken: EncoderHead<PermutedTokenOptions> = {
  task: "permuted-token",
  options: z.strictObject({ task: z.literal("permuted-token"), tied: z.boolean() }),
  fresh: () => ({ tied: true }),
  describe: ({ vocabularySize }) => ({ perToken: true, width: vocabularySize }),
  weights: ({ hiddenSize, vocabularySize }, { tied }) =>
    tied ? [biasWeight("head.output", vocabularySize)] : denseWeights("head.output", vocabularySize, hiddenSize),
  forward: ({ scope: { tracer, weight } }, hidden, { tied }) => {
    const input = tracer.site("head.output.input", hidden);
    return tracer.site("head.output", linear(input, weight(tied ? "embedding" : "head.output"), weight(biasOf("head.output"))));
  },
  huggingface: {
    classes: ["LMHeadModel"],
    read: (raw) => ({ task: "permuted-token", tied: raw["tie_word_embeddings"] !== false }),
    write: ({ tied }) => ({ tie_word_embeddings: tied }),
    names: named({ "head.output": "lm_loss" }),
  },
};

/** One of BERT's heads, as XLNet's class of this ending has it. */
function as<Options extends HeadOptions>(
  head: EncoderHead<Options>,
  ending: string,
  table: Readonly<Record<string, string>>,
  forward: EncoderHead<Options>["forward"] = head.forward,
): EncoderHead<Options> {
  return { ...head, forward, huggingface: { ...head.huggingface!, classes: [ending], names: named(table) } };
}

/** The last token has seen the text whole, and XLNet's marks end with one made for this. */
function summarised(at: HeadScope, hidden: Value, options: PooledOptions): Value {
  return classesOf(at, lastToken(at, hidden), options);
}

/** `[batch, seq, hidden]` → `[batch, hidden]` */
function lastToken({ positions, lengths }: HeadScope, hidden: Value): Value {
  const [batch, seq, width] = hidden.shape as [Dim, Dim, Dim];
  if (lengths === undefined) return reshape(slice(hidden, [0, subDims(seq, 1), 0], hidden.shape), [batch, width]);
  const last = equal(add(positions, 1), reshape(lengths, [batch, 1]));
  return reshape(matmul(reshape(last, [batch, 1, seq]), hidden), [batch, width]);
}

const SUMMARY = { "head.dense": "sequence_summary.summary", "head.output": "logits_proj" };

export const xlnetHeads: readonly EncoderHead[] = [
  permutedToken,
  as(features, "Model", {}),
  as(sequenceClassification, "ForSequenceClassification", SUMMARY, summarised),
  as(tokenClassification, "ForTokenClassification", { "head.output": "classifier" }),
  as(questionAnswering, "ForQuestionAnsweringSimple", { "head.output": "qa_outputs" }),
  as(multipleChoice, "ForMultipleChoice", SUMMARY, summarised),
] as unknown as readonly EncoderHead[];
