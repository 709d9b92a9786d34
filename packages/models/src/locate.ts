/**
 * Where in a text its tokens stand. `@huggingface/tokenizers` gives ids alone, so that tokens and text are laid beside each other, both
 * folded to letters without case, accents and white space: what normalisers change is gone from both.
 */
import { isPlainObject } from "@pare/core";

/** Ids of a text, and for each the part of the text that it stands for. */
export interface Located {
  readonly ids: readonly number[];
  /** `[begin, end)` in UTF-16 units, as `String.prototype.slice` takes them; empty where a token stands for nothing of the text. */
  readonly spans: readonly (readonly [begin: number, end: number])[];
}

/** A token's bytes, and whether it is the piece for unknown text, which says nothing of it. */
export interface Surface {
  readonly bytes: Uint8Array;
  readonly unknown: boolean;
}

/** How the pieces of a tokenizer.json are read as text. */
export function surfaceReader(
  json: Readonly<Record<string, unknown>>,
  unknown: number | undefined,
): (piece: string, id: number) => Surface {
  const model = json["model"] as Readonly<Record<string, unknown>>;
  const byteLevel = mentions(json["pre_tokenizer"], "ByteLevel") || mentions(json["decoder"], "ByteLevel");
  const prefix = model["type"] === "WordPiece" ? String(model["continuing_subword_prefix"] ?? "##") : undefined;
  const encoder = new TextEncoder();
  const bytesOf = (piece: string): Uint8Array => {
    if (byteLevel) return Uint8Array.from(piece, (character) => BYTES.get(character) ?? 0x20);
    const [, byte] = model["byte_fallback"] === true ? (/^<0x([0-9A-F]{2})>$/.exec(piece) ?? []) : [];
    if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
    const shown = prefix !== undefined && piece.startsWith(prefix) ? piece.slice(prefix.length) : piece;
    return encoder.encode(shown.replaceAll("▁", " "));
  };
  return (piece, id) => ({ bytes: bytesOf(piece), unknown: id === unknown });
}

/** Whether a part of tokenizer.json is of this type, or holds one that is. */
export function mentions(part: unknown, type: string): boolean {
  if (Array.isArray(part)) return part.some((one) => mentions(one, type));
  return isPlainObject(part) && (part["type"] === type || mentions(part["pretokenizers"], type) || mentions(part["decoders"], type));
}

/** The characters by which byte-level vocabularies write bytes (Radford et al. 2019): printable ones as they are, others from U+0100 on. */
const BYTES: ReadonlyMap<string, number> = byteTable();

/** The characters by which byte-level vocabularies write the 256 bytes. */
export function byteCharacters(): Iterable<string> {
  return BYTES.keys();
}

function byteTable(): Map<string, number> {
  const printable = (byte: number): boolean => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return new Map(Array.from({ length: 256 }, (_, byte) => [String.fromCodePoint(printable(byte) ? byte : next++), byte]));
}

const NOTHING = /[\p{Mn}\p{Cc}\p{Cf}\s]/gu;
/** What BERT's pre-tokenizer ends a word at. */
const WORD_END = /[\s\p{P}$+<=>^`|~]/u;

function fold(text: string): string {
  return text.normalize("NFKD").toLowerCase().replace(NOTHING, "");
}

/** Text letter by letter of its folded form, with the place each comes from. */
class Folded {
  readonly letters: string;
  private readonly begins: number[] = [];
  private readonly ends: number[] = [];
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
    let letters = "";
    let at = 0;
    for (const character of text) {
      const folded = fold(character);
      // Marks belong to the letter before them.
      if (folded === "" && /\p{Mn}/u.test(character) && this.ends.at(-1) === at) this.ends[this.ends.length - 1] = at + character.length;
      for (const _unit of folded.split("")) {
        this.begins.push(at);
        this.ends.push(at + character.length);
      }
      letters += folded;
      at += character.length;
    }
    this.letters = letters;
  }

  span(from: number, to: number): readonly [number, number] {
    const begin = this.begins[from] ?? this.text.length;
    return from >= to ? [begin, begin] : [begin, this.ends[to - 1]!];
  }

  /** Where the word ends that a letter is in. */
  wordEnd(from: number): number {
    let to = from;
    do to++;
    while (to < this.letters.length && this.begins[to] === this.ends[to - 1] && !WORD_END.test(this.letters[to]!));
    return Math.min(to, this.letters.length);
  }
}

/** Tokens that come apart in the text are looked for so many letters on. */
const AHEAD = 200;

/** Lays tokens along a text. */
export function locateTokens(text: string, tokens: readonly Surface[]): Located["spans"] {
  const folded = new Folded(text);
  const shown = shownBy(tokens);
  let at = 0;
  return tokens.map(({ unknown }, index) => {
    if (unknown) {
      const from = at;
      at = afterUnknown(folded, at, shown, tokens, index);
      return folded.span(from, at);
    }
    const letters = shown[index];
    // The first bytes of a character: it is the one that comes next.
    if (letters === undefined) return folded.span(at, at + 1);
    if (letters === "") return folded.span(at, at);
    const found = folded.letters.startsWith(letters, at) ? at : folded.letters.slice(0, at + AHEAD).indexOf(letters, at);
    if (found < 0) return folded.span(at, at);
    at = found + letters.length;
    return folded.span(found, at);
  });
}

/** Folded letters by token; undefined where it holds a part of a character alone. */
function shownBy(tokens: readonly Surface[]): (string | undefined)[] {
  let decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return tokens.map(({ bytes, unknown }) => {
    if (unknown) {
      decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      return "";
    }
    const text = decoder.decode(bytes, { stream: true });
    return text === "" && bytes.length > 0 ? undefined : fold(text);
  });
}

/** An unknown token stands for its word, or for as much as there is before what the next token shows. */
function afterUnknown(
  folded: Folded,
  at: number,
  shown: readonly (string | undefined)[],
  tokens: readonly Surface[],
  index: number,
): number {
  const word = folded.wordEnd(at);
  const next = shown[index + 1];
  if (next === undefined || tokens[index + 1]!.unknown || next === "" || folded.letters.startsWith(next, word)) return word;
  const found = folded.letters.indexOf(next, at + 1);
  return found < 0 ? word : found;
}
