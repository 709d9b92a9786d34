import type { Llama2cPiece } from "@pare/formats";
import { mergesByScore } from "../gguf/spm.ts";
import { specialToken, tokenizerFromJson } from "../tokenizer-json.ts";
import type { Tokenizer } from "../tokenizer.ts";

/** The first three pieces of every llama2.c vocabulary: unknown, begin, end. */
const BEGIN = 1;
const END = 2;

/**
 * llama2.c's tokenizer as a tokenizer.json that gives the same ids. It merges, among all neighbours whose concatenation is a
 * piece, those with the best score, leftmost first; a merge list by rank does the same when no two pieces share a score.
 * A space is put before the text, and a character without a piece becomes the pieces of its bytes.
 *
 * Throws `models/tokenizer-invalid` where two pieces that can be merged share a score: leftmost-first between different
 * pieces is what a rank cannot say.
 */
export function llama2cTokenizer(pieces: readonly Llama2cPiece[], file: string): Tokenizer {
  const json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: pieces.slice(0, END + 1).map(({ text }, id) => specialToken(text, id)),
    normalizer: { type: "Prepend", prepend: " " },
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: "Sequence",
      decoders: [{ type: "ByteFallback" }, { type: "Fuse" }, { type: "Strip", content: " ", start: 1, stop: 0 }],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: pieces[0]!.text,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(pieces.map(({ text }, id) => [text, id])),
      merges: mergesByScore(pieces, file),
    },
  };
  const config = { bos_token: pieces[BEGIN]?.text, eos_token: pieces[END]?.text, clean_up_tokenization_spaces: false };
  return tokenizerFromJson(json, config, file);
}
