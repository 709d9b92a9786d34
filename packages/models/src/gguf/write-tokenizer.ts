/** A tokenizer as the keys `tokenizer.ggml.…`. */
import { isPlainObject } from "@pare/core";
import { GGUF_FILE, type GgufValue } from "@pare/formats";
import { notExpressible } from "../errors.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { u32, text } from "./mapping.ts";
import { preTokenizerName, PRE_TOKENIZERS } from "./pre-tokenizers.ts";
import { knownSplits } from "./spm.ts";

/** Kinds of piece (llama.cpp's llama_token_type). */
export const PIECE_TYPES = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;
/** SentencePiece's sign for a space. */
export const SPACE = "\u2581";

type Json = Readonly<Record<string, unknown>>;
type Refuse = (field: string, expected: string, found: unknown) => Error;

/**
 * The tokenizer's keys, with pieces up to the model's vocabulary: rows to spare get pieces that are never used.
 *
 * Throws `models/not-expressible` for what llama.cpp's two kinds of BPE would cut otherwise than the tokenizer does.
 */
export function ggufTokenizer(tokenizer: Tokenizer, vocabularySize: number): Map<string, GgufValue> {
  const refuse: Refuse = (field, expected, found) =>
    notExpressible({
      file: GGUF_FILE,
      field: `tokenizer.${field}`,
      expected: `${expected}; or the option {"tokenizer":false}, which leaves it out`,
      found: (JSON.stringify(found) ?? "nothing").slice(0, 80),
    });
  const json = tokenizer.toJSON() as Json;
  const model = json["model"] as Json;
  if (model["type"] !== "BPE") throw refuse("model.type", "BPE", model["type"]);
  const pieces = piecesOf(json, vocabularySize);
  const keys = model["byte_fallback"] === true ? sentencePiece(json, pieces, refuse) : byteLevel(json, pieces, refuse);
  const special: [string, number | undefined][] = [
    ["bos", tokenizer.special.begin],
    ["eos", tokenizer.special.end],
    ["padding", tokenizer.special.padding],
    ["unknown", pieces.find(({ text: piece }) => piece === model["unk_token"])?.id],
  ];
  for (const [name, id] of special) if (id !== undefined) keys.set(`tokenizer.ggml.${name}_token_id`, u32(id));
  keys.set("tokenizer.ggml.add_bos_token", { kind: "bool", value: tokenizer.special.begin !== undefined });
  keys.set("tokenizer.ggml.add_eos_token", { kind: "bool", value: false });
  return keys;
}

interface Piece {
  readonly id: number;
  readonly text: string;
  readonly type: number;
}

function piecesOf(json: Json, vocabularySize: number): Piece[] {
  const model = json["model"] as Json;
  const pieces: Piece[] = Array.from({ length: vocabularySize }, (_, id) => ({ id, text: `[unused${id}]`, type: PIECE_TYPES.unused }));
  for (const [piece, id] of Object.entries(model["vocab"] as Readonly<Record<string, number>>)) {
    const isByte = model["byte_fallback"] === true && /^<0x[0-9A-F]{2}>$/.test(piece);
    pieces[id] = { id, text: piece, type: isByte ? PIECE_TYPES.byte : PIECE_TYPES.normal };
  }
  for (const { id, content, special } of (json["added_tokens"] ?? []) as readonly { id: number; content: string; special?: boolean }[]) {
    const isUnknown = content === model["unk_token"];
    const type = isUnknown ? PIECE_TYPES.unknown : special === true ? PIECE_TYPES.control : PIECE_TYPES.userDefined;
    pieces[id] = { id, text: content, type };
  }
  return pieces;
}

function keysOf(kind: string, pieces: readonly Piece[]): Map<string, GgufValue> {
  return new Map<string, GgufValue>([
    ["tokenizer.ggml.model", text(kind)],
    ["tokenizer.ggml.tokens", { kind: "array", of: "string", values: pieces.map((piece) => piece.text) }],
    ["tokenizer.ggml.token_type", { kind: "array", of: "i32", values: pieces.map(({ type }) => type) }],
  ]);
}

/** GPT-2's kind: bytes as letters, merges by rank. */
function byteLevel(json: Json, pieces: readonly Piece[], refuse: Refuse): Map<string, GgufValue> {
  const { normalizer, pre_tokenizer: cut, model } = json as { normalizer?: unknown; pre_tokenizer?: unknown; model: Json };
  if (normalizer !== null && normalizer !== undefined && !(isPlainObject(normalizer) && normalizer["type"] === "NFC"))
    throw refuse("normalizer", "none", normalizer);
  const pre = preTokenizerName(cut);
  if (pre === undefined) throw refuse("pre_tokenizer", `byte-level, cut as one of ${PRE_TOKENIZERS.join(", ")}`, cut);
  const merges = (model["merges"] as readonly (string | readonly string[])[]).map((pair) =>
    typeof pair === "string" ? pair : pair.join(" "),
  );
  const keys = keysOf("gpt2", pieces);
  keys.set("tokenizer.ggml.pre", text(pre));
  keys.set("tokenizer.ggml.merges", { kind: "array", of: "string", values: merges });
  return keys;
}

/** SentencePiece's kind: a piece is merged by its score, wherever two pieces make it. */
function sentencePiece(json: Json, pieces: readonly Piece[], refuse: Refuse): Map<string, GgufValue> {
  const { space, prefix } = spacing(json, refuse);
  const asWritten = (piece: string): string => (space === " " ? piece.replaceAll(" ", SPACE) : piece);
  const merges = ((json["model"] as Json)["merges"] as readonly (string | readonly [string, string])[]).map((pair) =>
    typeof pair === "string" ? (pair.split(" ") as [string, string]) : pair,
  );
  const scores = scoresOf(pieces, merges, refuse);
  const written = pieces.map((piece) => ({ ...piece, text: piece.type === PIECE_TYPES.control ? piece.text : asWritten(piece.text) }));
  if (new Set(written.map((piece) => piece.text)).size !== written.length) throw refuse("model.vocab", `no ${SPACE} beside spaces`, SPACE);
  const keys = keysOf("llama", written);
  keys.set("tokenizer.ggml.pre", text("default"));
  keys.set("tokenizer.ggml.scores", { kind: "array", of: "f32", values: scores });
  keys.set("tokenizer.ggml.add_space_prefix", { kind: "bool", value: prefix });
  return keys;
}

/** How spaces stand in pieces, and whether one is put before the text. */
function spacing({ normalizer, pre_tokenizer: cut }: Json, refuse: Refuse): { readonly space: string; readonly prefix: boolean } {
  const steps = stepsOf(normalizer, "normalizers");
  const prepend = steps.find((step) => step["type"] === "Prepend")?.["prepend"];
  const replace = steps.find((step) => step["type"] === "Replace");
  const known = steps.every((step) => step["type"] === "Prepend" || step["type"] === "Replace");
  if (isPlainObject(cut) && cut["type"] === "Metaspace" && steps.length === 0) {
    const scheme = cut["prepend_scheme"] ?? (cut["add_prefix_space"] === false ? "never" : "always");
    if (cut["replacement"] === SPACE && cut["split"] === false && scheme !== "always") return { space: SPACE, prefix: scheme === "first" };
    if (cut["replacement"] === SPACE && cut["split"] === false) return { space: SPACE, prefix: true };
  }
  if (cut !== null && cut !== undefined) throw refuse("pre_tokenizer", "none", cut);
  const toSpace =
    replace === undefined || (isPlainObject(replace["pattern"]) && replace["pattern"]["String"] === " " && replace["content"] === SPACE);
  const space = replace === undefined ? " " : SPACE;
  if (!known || !toSpace || steps.length > 2 || (prepend !== undefined && prepend !== space))
    throw refuse("normalizer", `a space put before the text, and spaces as ${SPACE}`, normalizer);
  return { space, prefix: prepend !== undefined };
}

function stepsOf(part: unknown, list: string): Json[] {
  if (!isPlainObject(part)) return [];
  return part["type"] === "Sequence" ? (part[list] as Json[]) : [part];
}

/**
 * Scores by which greedy merging does what the ranks say: the earlier a piece's merge, the higher. That holds when every two
 * pieces that make a piece are a merge, and the merges of one piece follow one another.
 */
function scoresOf(pieces: readonly Piece[], merges: readonly (readonly [string, string])[], refuse: Refuse): number[] {
  const ranks = new Map<string, { first: number; count: number }>();
  for (const [rank, [left, right]] of merges.entries()) {
    const known = ranks.get(left + right);
    if (known === undefined) ranks.set(left + right, { first: rank, count: 1 });
    else if (known.first + known.count === rank) known.count++;
    else throw refuse(`model.merges[${rank}]`, "the merges of one piece one after the other", [left, right]);
  }
  const known = new Set(pieces.filter(({ type }) => type === PIECE_TYPES.normal).map((piece) => piece.text));
  const order = new Map([...ranks.keys()].map((piece, index) => [piece, index]));
  return pieces.map(({ text: piece, type }) => {
    if (type !== PIECE_TYPES.normal) return 0;
    const made = ranks.get(piece)?.count ?? 0;
    const splits = knownSplits(piece, known).length;
    if (made !== splits) throw refuse("model.merges", `a merge for each of the ${splits} ways to make ${JSON.stringify(piece)}`, made);
    return -(order.get(piece) ?? ranks.size) - 1;
  });
}
