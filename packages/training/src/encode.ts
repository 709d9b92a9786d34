/** From examples of text to the token rows that a model reads: the same for training, calibration and evaluation. */
import { exampleHash, sourceIds, type Architecture, type Tokenizer } from "@pare/models";
import type { Example } from "./data/data.ts";
import { exampleEmpty, tokenizerIncomplete } from "./errors.ts";

/** An example that a model writes, as ids: it predicts every token from `start` on, each given all before it. */
export interface Written {
  /** Begin token first; what the decoder writes. At least two. */
  readonly tokens: readonly number[];
  /** Encoder–decoder: what the encoder reads, with the marks that its tokenizer puts around a text. */
  readonly source?: readonly number[] | undefined;
  /** Index in `tokens` of the first predicted one, at least 1. */
  readonly start: number;
}

/**
 * Ids of one example, begin token first.
 *
 * Encoder–decoder: target and end token; the source stands apart. Decoder: plain text as it is (a text may be cut out of a longer one,
 * so no end is claimed); with a source, that first, and only the target and the end token are predicted.
 *
 * @param maxTokens tokens kept, begin token counted; default: all.
 * @throws `training/tokenizer-incomplete` without begin token, or end token where one is needed; `training/example-empty`.
 */
export function encodeExample(
  tokenizer: Pick<Tokenizer, "special" | "encode" | "frame">,
  family: Architecture["family"],
  { source, target }: Example,
  maxTokens: number = Infinity,
): Written {
  const { begin, end } = tokenizer.special;
  if (begin === undefined) throw tokenizerIncomplete({ token: "begin" });
  const closes = family === "encoder-decoder" || source !== undefined;
  if (closes && end === undefined) throw tokenizerIncomplete({ token: "end" });
  if (family === "encoder-decoder" && source === undefined)
    throw exampleEmpty({ field: "source", found: JSON.stringify(target.slice(0, 60)) });
  const prompt = source === undefined || family === "encoder-decoder" ? [] : tokenizer.encode(source);
  const written = [...tokenizer.encode(target), ...(closes ? [end!] : [])];
  const tokens = [begin, ...prompt, ...written].slice(0, maxTokens);
  const start = 1 + prompt.length;
  if (tokens.length <= start) throw exampleEmpty({ field: "target", found: JSON.stringify((source ?? target).slice(0, 60)) });
  return family === "encoder-decoder" ? { tokens, source: sourceIds(tokenizer, source!), start } : { tokens, start };
}

/** The name of an example in provenance: what training records and suites look up. */
export function hashExample({ source, target }: Example): bigint {
  return source === undefined ? exampleHash(target) : exampleHash(source, target);
}
