/** From examples to token rows: one rule for training, distillation and evaluation. */
import { exampleHash, type SequenceBatch, type Tokenizer } from "@pare/models";
import { tokenizerUnfit } from "../errors.ts";
import type { Example } from "./data.ts";

/** What a checkpoint's provenance and the suites know an example by. */
export function hashOf(example: Example): bigint {
  return example.source === undefined ? exampleHash(example.target) : exampleHash(example.source, example.target);
}

/**
 * Token rows of examples. With sources: `tokens` = begin, target, end, and `sources` = the source without special tokens.
 * Plain text: begin, target, no end token (a piece of text goes on); without a begin token the row starts with its first token.
 * All examples have a source or none has.
 *
 * @param maxTokens rows are cut to this many tokens, begin included. Default: not cut.
 * @throws `training/tokenizer-unfit`
 */
export function encodeExamples(examples: readonly Example[], tokenizer: Tokenizer | undefined, maxTokens?: number): SequenceBatch {
  if (tokenizer === undefined) throw tokenizerUnfit({ field: "tokenizer", expected: "a tokenizer", found: "none" });
  const { begin, end } = tokenizer.special;
  const head = begin === undefined ? [] : [begin];
  const cut = (ids: number[]): number[] => (maxTokens === undefined ? ids : ids.slice(0, maxTokens));
  if (examples[0]?.source === undefined) return { tokens: examples.map(({ target }) => cut([...head, ...tokenizer.encode(target)])) };
  if (begin === undefined || end === undefined) {
    throw tokenizerUnfit({ field: "tokenizer.special", expected: "a begin and an end token", found: JSON.stringify(tokenizer.special) });
  }
  return {
    tokens: examples.map(({ target }) => cut([begin, ...tokenizer.encode(target), end])),
    sources: examples.map(({ source = "" }) => tokenizer.encode(source)),
  };
}
