/** The tokenizer of a GGUF file, as a tokenizer.json that gives the same ids. */
import { ggufFields, type GgufFields, type GgufFile } from "@pare/formats";
import { tokenizerFromJson, specialToken } from "../tokenizer-json.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { PRE_TOKENIZERS, preTokenizerOf } from "./pre-tokenizers.ts";
import { mergesByScore } from "./spm.ts";
import { PIECE_TYPES, SPACE } from "./write-tokenizer.ts";

/** undefined where the file has none. Throws `models/tokenizer-invalid`, `formats/gguf-invalid`. */
export function readGgufTokenizer(content: GgufFile): Tokenizer | undefined {
  const fields = ggufFields(content);
  const kind = fields.string("tokenizer.ggml.model", "no_vocab");
  if (!content.metadata.has("tokenizer.ggml.model") && content.metadata.has("tokenizer.ggml.tokens"))
    throw fields.fail("tokenizer.ggml.model", "llama, gpt2 or no_vocab, beside tokenizer.ggml.tokens", "none");
  if (kind === "no_vocab" || kind === "none") return undefined;
  if (kind !== "llama" && kind !== "gpt2") throw fields.fail("tokenizer.ggml.model", "llama, gpt2 or no_vocab", kind);
  const pieces = fields.strings("tokenizer.ggml.tokens");
  const types = fields.numbers("tokenizer.ggml.token_type") ?? pieces.map(() => PIECE_TYPES.normal);
  if (types.length !== pieces.length)
    throw fields.fail("tokenizer.ggml.token_type", `${pieces.length} types, one per piece`, `${types.length}`);
  const vocabulary: Vocabulary = { fields, pieces, types, file: content.file };
  const json = kind === "llama" ? sentencePieceJson(vocabulary) : byteLevelJson(vocabulary);
  return tokenizerFromJson({ ...common(vocabulary), ...json }, configOf(vocabulary), content.file);
}

interface Vocabulary {
  readonly fields: GgufFields;
  readonly pieces: readonly string[];
  readonly types: readonly number[];
  readonly file: string;
}

const HIDDEN: ReadonlySet<number> = new Set([PIECE_TYPES.unknown, PIECE_TYPES.control, PIECE_TYPES.unused]);

function common({ pieces, types }: Vocabulary): object {
  const added = pieces.flatMap((piece, id) => {
    if (HIDDEN.has(types[id]!)) return [specialToken(piece, id)];
    return types[id] === PIECE_TYPES.userDefined ? [{ ...specialToken(piece, id), special: false }] : [];
  });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
  };
}

function configOf({ fields, pieces }: Vocabulary): object {
  const piece = (key: string): string | undefined => {
    if (!fields.has(key)) return undefined;
    const id = fields.integer(key);
    const found = pieces[id];
    if (found === undefined) throw fields.fail(key, `an id below ${pieces.length}`, `${id}`);
    return found;
  };
  return {
    bos_token: piece("tokenizer.ggml.bos_token_id"),
    eos_token: piece("tokenizer.ggml.eos_token_id"),
    pad_token: piece("tokenizer.ggml.padding_token_id"),
    clean_up_tokenization_spaces: false,
  };
}

function vocab(pieces: readonly string[]): Record<string, number> {
  return Object.fromEntries(pieces.map((piece, id) => [piece, id]));
}

function byteLevelJson({ fields, pieces }: Vocabulary): object {
  const name = fields.string("tokenizer.ggml.pre", "gpt-2");
  const pre = preTokenizerOf(name);
  if (pre === undefined) throw fields.fail("tokenizer.ggml.pre", PRE_TOKENIZERS.join(", "), name);
  const model = { type: "BPE", ignore_merges: pre.ignore_merges, vocab: vocab(pieces), merges: fields.strings("tokenizer.ggml.merges") };
  return { pre_tokenizer: pre.pre_tokenizer, decoder: { type: "ByteLevel" }, model };
}

function sentencePieceJson({ fields, pieces, types, file }: Vocabulary): object {
  const scores = fields.numbers("tokenizer.ggml.scores");
  if (scores?.length !== pieces.length)
    throw fields.fail("tokenizer.ggml.scores", `${pieces.length} scores, one per piece`, `${scores?.length ?? "none"}`);
  const prefix = fields.boolean("tokenizer.ggml.add_space_prefix", true);
  const prepend = prefix ? [{ type: "Prepend", prepend: SPACE }] : [];
  const strip = prefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : [];
  const normal = pieces.flatMap((text, id) => (types[id] === PIECE_TYPES.normal ? [{ text, score: scores[id]! }] : []));
  const unknown = types.indexOf(PIECE_TYPES.unknown);
  return {
    normalizer: { type: "Sequence", normalizers: [...prepend, { type: "Replace", pattern: { String: " " }, content: SPACE }] },
    decoder: {
      type: "Sequence",
      decoders: [{ type: "Replace", pattern: { String: SPACE }, content: " " }, { type: "ByteFallback" }, { type: "Fuse" }, ...strip],
    },
    model: {
      type: "BPE",
      unk_token: unknown < 0 ? undefined : pieces[unknown],
      fuse_unk: false,
      byte_fallback: true,
      ignore_merges: false,
      vocab: vocab(pieces),
      merges: mergesByScore(normal, file),
    },
  };
}
