/** Tokenizers by `@huggingface/tokenizers`, behind checks: the library takes what is missing for unknown text. */
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { isPlainObject } from "@pare/core";
import { textNotEncodable, tokenizerInvalid } from "./errors.ts";
import { frameWith, templateOf, type Template } from "./frame.ts";
import { spaceIdeographs } from "./ideographs.ts";
import { locateTokens, surfaceReader } from "./locate.ts";
import type { Tokenizer } from "./tokenizer.ts";

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

/** An entry of `added_tokens` for a piece that text can neither spell nor show. */
export function specialToken(content: string, id: number): object {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

type Fail = (field: string, expected: string, found: unknown) => Error;

/**
 * A tokenizer from what `tokenizer.json` and `tokenizer_config.json` hold. Throws `models/tokenizer-invalid` naming the
 * piece that is missing.
 *
 * @param file what errors name.
 */
export function tokenizerFromJson(json: unknown, config: unknown = {}, file: string = "tokenizer.json"): Tokenizer {
  const fail: Fail = (field, expected, found) =>
    tokenizerInvalid({
      file,
      field,
      expected,
      found: (typeof found === "string" ? found : (JSON.stringify(found) ?? "nothing")).slice(0, 80),
    });
  if (!isPlainObject(json) || !isPlainObject(json["model"])) throw fail("model", "an object", isPlainObject(json) ? json["model"] : json);
  if (!isPlainObject(config)) throw fail("tokenizer_config.json", "an object", config);
  const added = addedTokens(json["added_tokens"] ?? [], fail);
  const pieces = pieceTable(json["model"], added, fail);
  checkModel(json["model"], pieces, fail);
  const special = specialTokens(config, pieces, fail);
  const template = templateOf(json["post_processor"], pieces, fail);
  return wrap({ json, config, added, pieces, special, truncationSide: truncationSideOf(config, fail), template, fail });
}

/** Piece → id; ids run from 0 without holes. */
function pieceTable(model: Readonly<Record<string, unknown>>, added: readonly AddedToken[], fail: Fail): ReadonlyMap<string, number> {
  const { vocab } = model;
  const entries: (readonly [string, unknown])[] = Array.isArray(vocab)
    ? vocab.map((entry: unknown, id) => [Array.isArray(entry) ? String(entry[0]) : "", id] as const)
    : Object.entries(isPlainObject(vocab) ? vocab : {});
  if (entries.length === 0) throw fail("model.vocab", "ids by piece", vocab);
  const table = new Map<string, number>();
  const byId: (string | undefined)[] = [];
  for (const [piece, id] of [...entries, ...added.map(({ content, id }) => [content, id] as const)]) {
    if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 0) throw fail(`model.vocab.${piece}`, "an id", id);
    const known = table.get(piece);
    if (known !== undefined && known !== id) throw fail(`model.vocab.${piece}`, `the id ${known}`, id);
    if (id > entries.length + added.length) throw fail(`id ${entries.length}`, "a piece", "none, although later ids have one");
    if (byId[id] !== undefined && byId[id] !== piece)
      throw fail(`id ${id}`, "one piece", `${JSON.stringify(byId[id])} and ${JSON.stringify(piece)}`);
    table.set(piece, id);
    byId[id] = piece;
  }
  const hole = byId.findIndex((piece) => piece === undefined);
  if (hole >= 0 || byId.length !== table.size)
    throw fail(`id ${hole < 0 ? byId.length : hole}`, "a piece", "none, although later ids have one");
  return table;
}

function addedTokens(value: unknown, fail: Fail): AddedToken[] {
  if (!Array.isArray(value)) throw fail("added_tokens", "a list", value);
  return value.map((token: unknown, index) => {
    if (!isPlainObject(token) || typeof token["content"] !== "string" || typeof token["id"] !== "number")
      throw fail(`added_tokens[${index}]`, "id and content", token);
    return { id: token["id"], content: token["content"], special: token["special"] === true };
  });
}

/** What the model refers to is there: merges, byte pieces, the unknown piece. */
function checkModel(model: Readonly<Record<string, unknown>>, pieces: ReadonlyMap<string, number>, fail: Fail): void {
  const { type, merges, byte_fallback: byteFallback, unk_token: unknown } = model;
  if (type !== "BPE" && type !== "WordLevel" && type !== "WordPiece" && type !== "Unigram") {
    throw fail("model.type", "BPE, WordLevel, WordPiece or Unigram", type);
  }
  if (type === "BPE") checkMerges(merges, pieces, fail);
  if (byteFallback === true) {
    for (let byte = 0; byte < 256; byte++) {
      const piece = bytePiece(byte);
      if (!pieces.has(piece)) throw fail("model.vocab", `the piece ${piece}, for unknown characters`, "none");
    }
  }
  if (unknown !== undefined && unknown !== null && (typeof unknown !== "string" || !pieces.has(unknown)))
    throw fail("model.unk_token", "a piece", unknown);
}

function checkMerges(merges: unknown, pieces: ReadonlyMap<string, number>, fail: Fail): void {
  if (!Array.isArray(merges)) throw fail("model.merges", "a list", merges);
  for (const [index, merge] of merges.entries()) {
    const pair: unknown = typeof merge === "string" ? merge.split(" ") : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every((part) => typeof part === "string"))
      throw fail(`model.merges[${index}]`, "two pieces", merge);
    const missing = [...pair, pair.join("")].find((part) => !pieces.has(part as string));
    if (missing !== undefined) throw fail(`model.merges[${index}]`, `the piece ${JSON.stringify(missing)} in the vocabulary`, "none");
  }
}

function bytePiece(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

function specialTokens(config: Readonly<Record<string, unknown>>, pieces: ReadonlyMap<string, number>, fail: Fail): Tokenizer["special"] {
  const idOf = (field: string): number | undefined => {
    const entry = config[field];
    if (entry === undefined || entry === null) return undefined;
    const piece = isPlainObject(entry) ? entry["content"] : entry;
    const id = typeof piece === "string" ? pieces.get(piece) : undefined;
    if (id === undefined) throw fail(field, "a piece of the vocabulary", piece);
    return id;
  };
  return {
    begin: idOf("bos_token"),
    end: idOf("eos_token"),
    padding: idOf("pad_token"),
    mask: idOf("mask_token"),
    unknown: idOf("unk_token"),
  };
}

function truncationSideOf({ truncation_side: side = "right" }: Readonly<Record<string, unknown>>, fail: Fail): "left" | "right" {
  if (side !== "left" && side !== "right") throw fail("truncation_side", "left or right", side);
  return side;
}

interface Checked {
  readonly json: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly added: readonly AddedToken[];
  readonly pieces: ReadonlyMap<string, number>;
  readonly special: Tokenizer["special"];
  readonly truncationSide: "left" | "right";
  readonly template: Template;
  readonly fail: Fail;
}

function wrap({ json, config, added, pieces, special, truncationSide, template, fail }: Checked): Tokenizer {
  const library = openLibrary(json, config, fail);
  const prepared = spaceIdeographs(json["normalizer"]);
  const { unknown, ...rest } = special;
  const marks = new Set(Object.values(rest).filter((id) => id !== undefined && id !== unknown));
  const hidden = new Set([...marks, ...added.filter((token) => token.special).map(({ id }) => id)]);
  const encode = (text: string): number[] => {
    const ids: readonly (number | undefined)[] = library.encode(prepared(text), { add_special_tokens: false }).ids;
    // A word-level vocabulary holds its marks as words; text must not be able to write them.
    if (ids.some((id) => id === undefined || marks.has(id))) throw textNotEncodable({ text });
    return ids as number[];
  };
  const surface = surfaceReader(json, unknown);
  const names: string[] = [];
  for (const [piece, id] of pieces) names[id] = piece;
  return {
    vocabularySize: pieces.size,
    special,
    truncationSide,
    encode,
    locate: (text) => {
      const ids = encode(text);
      return {
        ids,
        spans: locateTokens(
          text,
          ids.map((id) => surface(names[id]!, id)),
        ),
      };
    },
    frame: (first, second) => frameWith(template, first, second),
    decode: (ids) => {
      const shown = ids.filter((id) => !hidden.has(id));
      return shown.length === 0 ? "" : library.decode(shown);
    },
    toJSON: () => json,
    toConfig: () => config,
  };
}

function openLibrary(json: Readonly<Record<string, unknown>>, config: Readonly<Record<string, unknown>>, fail: Fail): Library {
  const model = json["model"] as Readonly<Record<string, unknown>>;
  // Special tokens are left out, so that text which spells one stays text; decoding leaves them out by id.
  const added = ((json["added_tokens"] ?? []) as readonly { readonly special?: unknown }[]).filter(({ special }) => special !== true);
  // Marks are put around ids by `frame`.
  const parts = { normalizer: null, pre_tokenizer: null, decoder: null };
  // The library takes word-level vocabularies' unknown piece from the config, and tidies spaces unless it is told not to.
  const settings = { unk_token: model["unk_token"], clean_up_tokenization_spaces: false, ...config };
  try {
    return new Library({ ...parts, ...json, added_tokens: added, post_processor: null }, settings);
  } catch (error) {
    throw fail("tokenizer", "parts that can be built", (error as Error).message);
  }
}
