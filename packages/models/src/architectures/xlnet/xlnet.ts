import type { Architecture } from "../../architecture.ts";
import { defineArchitecture, type ArchitecturePlugin } from "../../define-architecture.ts";
import { headChange } from "../bert/change-head.ts";
import type { EncoderHead } from "../bert/head.ts";
import { parseHeaded } from "../bert/parse.ts";
import { oneStack } from "../stack.ts";
import { xlnetFields, type XlnetConfig } from "./config.ts";
import { encode, encoderWeights } from "./encoder.ts";
import { xlnetHeads } from "./heads.ts";
import { xlnetFolders } from "./huggingface.ts";

/** Segments of XLNet's own inputs: two texts, the mark for the whole, the mark between texts, padding. */
const TOKEN_TYPES = 5;

function headOf({ head: { task } }: XlnetConfig): EncoderHead {
  return xlnetHeads.find((head) => head.task === task)!;
}

const architecture: Architecture<XlnetConfig> = {
  family: "encoder",
  parse: (raw, file) => parseHeaded(xlnetHeads, xlnetFields, raw, file),
  head: (config) => ({ task: config.head.task, ...headOf(config).describe(config, config.head) }),
  headChange: headChange(xlnetHeads, () => ({ pooled: "tanh" })),
  tokenInputs: () => [{ name: "tokenTypes", count: TOKEN_TYPES, otherwise: 0 }],
  weights: (config) => [...encoderWeights(config), ...headOf(config).weights(config, config.head)],
  forward: (scope, config, inputs) => {
    const { positions, lengths } = inputs;
    const output = headOf(config).forward({ scope, config, positions, lengths }, encode(scope, config, inputs), config.head);
    return scope.tracer.site("logits", output);
  },
  memory: ({ layers, hiddenSize: width, memoryLength: entries, reuseLength: reused }) => ({
    layers: layers.length,
    width,
    entries,
    reused,
  }),
  ...oneStack<XlnetConfig>(),
  huggingface: xlnetFolders,
};

/** Encoder over distances, with a stream that predicts in any order. */
export const xlnet: ArchitecturePlugin<"xlnet"> = defineArchitecture("xlnet", "@pare/models", architecture);
