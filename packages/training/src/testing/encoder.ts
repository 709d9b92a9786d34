/** For tests of what encoders learn: a small one with a real tokenizer, and rows that can be learned. */
import { bert, bertConfig, createModel, wordPieceTokenizer, type BertConfig, type Checkpoint, type Tokenizer } from "@pare/models";

export const words: Tokenizer = wordPieceTokenizer(
  "the a film was is good bad great dull very not red blue green who likes ann bob eve tea milk ##s . ?".split(" "),
);

/** With fresh weights, large enough that gradients show. */
export function toyEncoder(
  head: BertConfig["head"] = { task: "features" },
  shape: { contextLength?: number; seed?: number } = {},
): Checkpoint {
  const { contextLength = 24, seed = 1 } = shape;
  const { vocabularySize } = words;
  const config = bertConfig({ vocabularySize, contextLength, hiddenSize: 16, layers: 2, heads: 2, feedForward: 32, head });
  return createModel(bert.define, config, { seed, tokenizer: words });
}
