/** A tokenizer with fewer pieces, which spells what those spell as before. */
import { isPlainObject } from "@pare/core";
import { byteCharacters, mentions } from "./locate.ts";
import { tokenizerFromJson } from "./tokenizer-json.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface KeptPieces {
  readonly tokenizer: Tokenizer;
  /** Old ids of the pieces that are left, ascending: index i is the new id i. */
  readonly ids: readonly number[];
}

type Json = Readonly<Record<string, unknown>>;
/** Piece by old id. */
type Pieces = ReadonlyMap<number, string>;

/**
 * The tokenizer with these pieces, and with those that it cannot do without: marks and added tokens, the unknown piece, the pieces of
 * bytes, and what pairs are merged into on the way to a piece that is kept. Ids close up in their order. A text whose tokens are all among
 * `used` gives the same pieces as before: the pieces on its way are all there, and there are no others. Throws
 * `models/tokenizer-invalid` where it cannot be written as tokenizer.json.
 */
export function keepPieces(tokenizer: Tokenizer, used: Iterable<number>): KeptPieces {
  const [json, config] = [tokenizer.toJSON() as Json, tokenizer.toConfig() as Json];
  const model = json["model"] as Json;
  const pieces = piecesOf(json, model);
  const kept = new Set(used);
  for (const id of needed(tokenizer, json, model, pieces)) kept.add(id);
  if (model["type"] === "BPE") for (const id of mergedOnTheWay(model, pieces, kept)) kept.add(id);
  const ids = [...kept].sort((a, b) => a - b);
  const renumbered = new Map(ids.map((id, index) => [id, index]));
  const written = rewrite(json, model, { pieces, renumbered });
  return { tokenizer: tokenizerFromJson(written, rewriteConfig(config, renumbered)), ids };
}

function piecesOf(json: Json, model: Json): Pieces {
  const { vocab } = model;
  const listed = Array.isArray(vocab)
    ? vocab.map((entry: readonly unknown[], id) => [id, entry[0] as string] as const)
    : Object.entries(vocab as Readonly<Record<string, number>>).map(([piece, id]) => [id, piece] as const);
  return new Map([...listed, ...addedOf(json).map(({ id, content }) => [id, content] as const)]);
}

function addedOf(json: Json): readonly { readonly id: number; readonly content: string }[] {
  return (json["added_tokens"] ?? []) as readonly { readonly id: number; readonly content: string }[];
}

function* needed(tokenizer: Tokenizer, json: Json, model: Json, pieces: Pieces): Generator<number> {
  for (const { id } of addedOf(json)) yield id;
  for (const id of Object.values(tokenizer.special)) if (typeof id === "number") yield id;
  if (typeof model["unk_id"] === "number") yield model["unk_id"];
  const bytes = new Set(mentions(json["pre_tokenizer"], "ByteLevel") || mentions(json["decoder"], "ByteLevel") ? byteCharacters() : []);
  for (const [id, piece] of pieces) {
    const byte = model["byte_fallback"] === true && /^<0x[0-9A-F]{2}>$/.test(piece);
    if (byte || bytes.has(piece) || piece === model["unk_token"]) yield id;
  }
}

/** What neighbours become, one pair after the other, until they are the pieces that are kept (Sennrich et al. 2016). */
function* mergedOnTheWay(model: Json, pieces: Pieces, kept: ReadonlySet<number>): Generator<number> {
  const ranks = new Map((model["merges"] as readonly unknown[]).map((merge, rank) => [pairOf(merge).join("\n"), rank]));
  const ids = new Map([...pieces].map(([id, piece]) => [piece, id]));
  const end = typeof model["end_of_word_suffix"] === "string" ? model["end_of_word_suffix"] : "";
  for (const id of kept) {
    const piece = pieces.get(id)!;
    const ends = end !== "" && piece.endsWith(end);
    const symbols = [...(ends ? piece.slice(0, -end.length) : piece)];
    if (ends && symbols.length > 0) symbols.push(`${symbols.pop()!}${end}`);
    for (const symbol of merged(symbols, ranks)) {
      const known = ids.get(symbol);
      if (known !== undefined) yield known;
    }
  }
}

/** The symbols before the first merge, and what each merge makes; the pair that stands first in the list merges first, leftmost first. */
function* merged(symbols: string[], ranks: ReadonlyMap<string, number>): Generator<string> {
  yield* symbols;
  for (;;) {
    const found = symbols.slice(1).map((right, at) => ranks.get(`${symbols[at]!}\n${right}`) ?? Infinity);
    const least = found.reduce((a, b) => Math.min(a, b), Infinity);
    if (least === Infinity) return;
    const at = found.indexOf(least);
    symbols.splice(at, 2, `${symbols[at]!}${symbols[at + 1]!}`);
    yield symbols[at]!;
  }
}

function pairOf(merge: unknown): readonly string[] {
  return typeof merge === "string" ? merge.split(" ") : (merge as readonly string[]);
}

interface Renumbering {
  readonly pieces: Pieces;
  /** New id by old. */
  readonly renumbered: ReadonlyMap<number, number>;
}

function rewrite(json: Json, model: Json, { pieces, renumbered }: Renumbering): Json {
  const { vocab, merges, unk_id: unknown } = model;
  const left = new Set([...renumbered.keys()].map((id) => pieces.get(id)!));
  const listed = Array.isArray(vocab)
    ? vocab.filter((_, id) => renumbered.has(id))
    : Object.fromEntries(
        Object.entries(vocab as Readonly<Record<string, number>>).flatMap(([piece, id]) =>
          renumbered.has(id) ? [[piece, renumbered.get(id)!]] : [],
        ),
      );
  return {
    ...json,
    added_tokens: addedOf(json).map((token) => ({ ...token, id: renumbered.get(token.id)! })),
    post_processor: renumber(json["post_processor"], renumbered),
    padding: renumber(json["padding"], renumbered),
    model: {
      ...model,
      vocab: listed,
      ...(typeof unknown === "number" ? { unk_id: renumbered.get(unknown)! } : {}),
      ...(Array.isArray(merges)
        ? { merges: merges.filter((merge) => [...pairOf(merge), pairOf(merge).join("")].every((piece) => left.has(piece))) }
        : {}),
    },
  };
}

/** Ids of marks in a post-processor or in the padding: `ids` of a template, `[piece, id]` of cls and sep, `pad_id`. */
function renumber(part: unknown, renumbered: ReadonlyMap<number, number>): unknown {
  if (Array.isArray(part)) return part.map((one) => renumber(one, renumbered));
  if (!isPlainObject(part)) return part;
  return Object.fromEntries(
    Object.entries(part).map(([name, value]): [string, unknown] => {
      if (name === "ids") return [name, (value as readonly number[]).map((id) => renumbered.get(id)!)];
      if (name === "pad_id") return [name, renumbered.get(value as number)!];
      if ((name === "cls" || name === "sep") && Array.isArray(value)) return [name, [value[0], renumbered.get(value[1] as number)!]];
      return [name, renumber(value, renumbered)];
    }),
  );
}

/** tokenizer_config.json lists added tokens by id. */
function rewriteConfig(config: Json, renumbered: ReadonlyMap<number, number>): Json {
  const listed = config["added_tokens_decoder"];
  if (!isPlainObject(listed)) return config;
  const entries = Object.entries(listed).flatMap(([id, token]) => {
    const now = renumbered.get(Number(id));
    return now === undefined ? [] : [[String(now), token] as const];
  });
  return { ...config, added_tokens_decoder: Object.fromEntries(entries) };
}
