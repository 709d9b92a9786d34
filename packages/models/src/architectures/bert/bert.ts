import type { Architecture } from "../../architecture.ts";
import { defineArchitecture, type ArchitecturePlugin } from "../../define-architecture.ts";
import { oneStack } from "../stack.ts";
import { bertFields, type BertConfig } from "./config.ts";
import { encode, encoderWeights } from "./encoder.ts";
import type { EncoderHead } from "./head.ts";
import { bertFolders } from "./huggingface.ts";
import { parseHeaded } from "./parse.ts";
import { headChange } from "./change-head.ts";
import { variantOf } from "./variants.ts";
import {
  features,
  maskedToken,
  multipleChoice,
  questionAnswering,
  sentenceEmbedding,
  sequenceClassification,
  tokenClassification,
} from "./heads/index.ts";

/** The heads of {@link bert}. */
export const bertHeads: readonly EncoderHead[] = [
  features,
  maskedToken,
  sequenceClassification,
  tokenClassification,
  questionAnswering,
  multipleChoice,
  sentenceEmbedding,
] as unknown as readonly EncoderHead[];

/** The architecture `bert` with these heads: those of this package, and others that stand on its hidden states. */
export function bertWith(heads: readonly EncoderHead[]): ArchitecturePlugin<"bert"> {
  const headOf = (config: BertConfig): EncoderHead => heads.find(({ task }) => task === config.head.task)!;
  const architecture: Architecture<BertConfig> = {
    family: "encoder",
    parse: (raw, file) => parseHeaded(heads, bertFields, raw, file),
    head: (config) => ({ task: config.head.task, ...headOf(config).describe(config, config.head) }),
    headChange: headChange(heads, variantOf),
    tokenInputs: ({ tokenTypes }) => (tokenTypes > 1 ? [{ name: "tokenTypes", count: tokenTypes, otherwise: 0 }] : []),
    weights: (config) => [...encoderWeights(config), ...headOf(config).weights(config, config.head)],
    forward: (scope, config, inputs) => {
      const { positions, lengths } = inputs;
      const output = headOf(config).forward({ scope, config, positions, lengths }, encode(scope, config, inputs), config.head);
      return scope.tracer.site("logits", output);
    },
    ...oneStack<BertConfig>(),
    hidden: ({ hiddenSize }) => ({ site: "embedding", size: hiddenSize }),
    withHidden: (config, hiddenSize) => ({ ...config, hiddenSize }),
    embedding: ({ embeddingSize, head }) => ({
      table: "embedding",
      ...(embeddingSize === undefined ? {} : { projection: "embedding.projection" }),
      ...(embeddingSize !== undefined && head.task === "masked-token" && head["tied"] === true ? { output: "output.projection" } : {}),
    }),
    withEmbedding: (config, embeddingSize) => ({ ...config, embeddingSize }),
    huggingface: bertFolders(heads),
  };
  return defineArchitecture("bert", "@pare/models", architecture);
}

/** Encoder of the BERT kind: BERT, RoBERTa, DistilBERT, MiniLM. */
export const bert: ArchitecturePlugin<"bert"> = bertWith(bertHeads);
