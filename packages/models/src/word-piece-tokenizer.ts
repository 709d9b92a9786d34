import { specialToken, tokenizerFromJson } from "./tokenizer-json.ts";
import type { Tokenizer } from "./tokenizer.ts";

const MARKS = { padding: "[PAD]", unknown: "[UNK]", first: "[CLS]", between: "[SEP]", mask: "[MASK]" } as const;

export interface WordPieceOptions {
  /** Default true: text is read in lower case and without accents. */
  readonly lowercase?: boolean | undefined;
}

/**
 * BERT's tokenizer for these pieces, as the lines of a `vocab.txt` hold them: whole words, and `##` before pieces that go on with a word
 * (Wu et al. 2016). BERT's marks that are not among them stand before them.
 */
export function wordPieceTokenizer(pieces: Iterable<string>, { lowercase = true }: WordPieceOptions = {}): Tokenizer {
  const given = [...pieces];
  const known = new Set(given);
  const all = [...new Set([...Object.values(MARKS).filter((mark) => !known.has(mark)), ...given])];
  const ids = new Map(all.map((piece, id) => [piece, id]));
  const mark = (piece: string, type: 0 | 1): object => ({ SpecialToken: { id: piece, type_id: type } });
  const text = (id: "A" | "B", type: 0 | 1): object => ({ Sequence: { id, type_id: type } });
  const single = [mark(MARKS.first, 0), text("A", 0), mark(MARKS.between, 0)];
  const entry = (piece: string): object => ({ id: piece, ids: [ids.get(piece)], tokens: [piece] });
  const json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: Object.values(MARKS).map((piece) => specialToken(piece, ids.get(piece)!)),
    normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single,
      pair: [...single, text("B", 1), mark(MARKS.between, 1)],
      special_tokens: { [MARKS.first]: entry(MARKS.first), [MARKS.between]: entry(MARKS.between) },
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: MARKS.unknown,
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
  return tokenizerFromJson(json, {
    cls_token: MARKS.first,
    sep_token: MARKS.between,
    pad_token: MARKS.padding,
    mask_token: MARKS.mask,
    unk_token: MARKS.unknown,
    do_lower_case: lowercase,
    tokenizer_class: "BertTokenizer",
  });
}
