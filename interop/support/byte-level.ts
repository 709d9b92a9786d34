/** A byte-level BPE vocabulary of GPT-2's kind, small, for models of random weights. */
import { tokenizerFromJson, type Tokenizer } from "../../packages/models/src/index.ts";

/** GPT-2's letters for the 256 bytes: printable Latin-1 characters stand for themselves, the others are those from U+0100 on. */
function byteLetters(): string[] {
  const printable = (byte: number): boolean => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

const MERGES = ["Ġ t", "h e", "Ġt he", "i n", "e r", "Ġ a", "o n", "Ġa n", "Ġan d", "in g", "1 2", "12 3", "Ġ Ġ", "Ã ©"];

/** Ids: the byte letters, one piece per merge, and the mark between texts, `<|endoftext|>`. */
export function byteLevelTokenizer(): Tokenizer {
  const pieces = [...byteLetters(), ...MERGES.map((merge) => merge.replace(" ", "")), "<|endoftext|>"];
  const mark = {
    id: pieces.length - 1,
    content: "<|endoftext|>",
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  };
  const json = {
    version: "1.0",
    added_tokens: [mark],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: {
      type: "BPE",
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges: MERGES.map((merge) => merge.split(" ")),
    },
  };
  return tokenizerFromJson(json, { bos_token: mark.content, eos_token: mark.content });
}
