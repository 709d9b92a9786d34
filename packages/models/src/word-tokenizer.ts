import { specialToken, tokenizerFromJson } from "./tokenizer-json.ts";
import type { Tokenizer } from "./tokenizer.ts";

const SPECIAL = { padding: "<pad>", begin: "<s>", end: "</s>" };

/**
 * A tokenizer whose pieces are whole words between white space: ids 0, 1 and 2 are padding, begin and end, the words follow in
 * the order given. There is no piece for unknown words: encoding one throws `models/text-not-encodable`.
 */
export function wordTokenizer(words: Iterable<string>): Tokenizer {
  const pieces = [...new Set([...Object.values(SPECIAL), ...words])];
  const json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: Object.values(SPECIAL).map(specialToken),
    normalizer: null,
    pre_tokenizer: { type: "WhitespaceSplit" },
    post_processor: null,
    decoder: null,
    model: { type: "WordLevel", vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])) },
  };
  return tokenizerFromJson(json, { bos_token: SPECIAL.begin, eos_token: SPECIAL.end, pad_token: SPECIAL.padding });
}
