import fc from "fast-check";
import { folderFiles } from "@pare/core/node";
import { llama2cFormat } from "@pare/formats";
import { describe, expect, it } from "vitest";
import { llama2cTokenizer } from "../src/architectures/llama2c-tokenizer.ts";
import { tokenizerFromJson, wordTokenizer } from "../src/index.ts";
import { TextStream } from "../src/text-stream.ts";
import { sharedData } from "./data.ts";

interface Piece {
  readonly text: string;
  readonly score: number;
}

/** llama2.c's `encode` by its source: a space, a piece or its bytes per character, then the best-scored merge, leftmost first. */
function byTheBook(pieces: readonly Piece[], text: string): number[] {
  if (text === "") return [];
  const ids = new Map(pieces.map((piece, id) => [piece.text, id]));
  const tokens = [...` ${text}`].flatMap((character) => {
    const id = ids.get(character);
    return id === undefined ? Array.from(new TextEncoder().encode(character), (byte) => byte + 3) : [id];
  });
  for (;;) {
    let best = -Infinity;
    let at = -1;
    let merged = -1;
    for (let i = 0; i + 1 < tokens.length; i++) {
      const id = ids.get(pieces[tokens[i]!]!.text + pieces[tokens[i + 1]!]!.text);
      if (id !== undefined && pieces[id]!.score > best) [best, at, merged] = [pieces[id]!.score, i, id];
    }
    if (at < 0) return tokens;
    tokens.splice(at, 2, merged);
  }
}

const BYTES: readonly Piece[] = Array.from({ length: 256 }, (_, byte) => ({
  text: `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
  score: 0,
}));
const START: readonly Piece[] = [{ text: "<unk>", score: 0 }, { text: "\n<s>\n", score: 0 }, { text: "\n</s>\n", score: 0 }, ...BYTES];

/** A vocabulary whose merges follow this order. */
function vocabulary(merged: readonly string[]): Piece[] {
  const characters = [...new Set([" ", ...merged.flatMap((text) => [...text])])];
  const own = [...merged, ...characters].map((text, index) => ({ text, score: -index }));
  return [...START, ...own];
}

describe("llama2.c's tokenizer through the library", () => {
  const folder = sharedData("stories260K");
  it.skipIf(folder === undefined)("gives the ids of its source on any text, and decodes them to it", async () => {
    const { pieces } = (await llama2cFormat.read(folderFiles(folder!))).tokenizer!;
    const tokenizer = llama2cTokenizer(pieces, "folder");
    const words = ["Once upon a time", " the", "ee", "ll", "...", "\n", "é", "🙂", "<s>", "<unk>", "\n<s>\n", "<0x0A>", "  ", "!!!"];
    const anyText = fc
      .array(fc.oneof(fc.constantFrom(...words), fc.string({ unit: "grapheme" })), { maxLength: 12 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = tokenizer.encode(text);
        expect(ids).toEqual(byTheBook(pieces, text));
        expect(tokenizer.decode(ids)).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it("merges runs of one character leftmost first, as the source does", () => {
    const runs = [
      ["aa", "aaaa", "aaa"],
      ["aa", "aaa", "aaaa", "ab", "ba", "aab", "baa"],
      ["ab", "abab", "aba", "bab"],
      ["aa", "aaa", "aaaaa", "aaaaaa"],
    ];
    for (const merged of runs) {
      const pieces = vocabulary(merged);
      const tokenizer = llama2cTokenizer(pieces, "folder");
      fc.assert(
        fc.property(fc.string({ unit: fc.constantFrom("a", "a", "b", " "), maxLength: 24 }), (text) => {
          expect(tokenizer.encode(text)).toEqual(byTheBook(pieces, text));
        }),
        { numRuns: 300 },
      );
    }
  });

  it("refuses scores that leave the order of merges open, and a vocabulary without a byte", () => {
    const tied = [...vocabulary(["aa", "bb"])].map((piece) => (piece.text === "bb" ? { ...piece, score: 0 } : piece));
    expect(() => llama2cTokenizer(tied, "folder")).toThrow(/tokenizer-invalid/);
    expect(() =>
      llama2cTokenizer(
        vocabulary(["aa"]).filter(({ text }) => text !== "<0x41>"),
        "folder",
      ),
    ).toThrow(/<0x41>/);
  });
});

describe("a word tokenizer", () => {
  const tokenizer = wordTokenizer(["jump", "twice", "I_JUMP", "jump"]);

  it("takes words between white space, special tokens first", () => {
    expect(tokenizer.vocabularySize).toBe(6);
    expect(tokenizer.special).toEqual({ begin: 1, end: 2, padding: 0 });
    expect(tokenizer.encode("jump  twice\nI_JUMP")).toEqual([3, 4, 5]);
    expect(tokenizer.encode("")).toEqual([]);
    expect(tokenizer.decode([1, 3, 4, 2, 0])).toBe("jump twice");
    expect(tokenizer.decode([])).toBe("");
  });

  it("refuses words it does not know, and special tokens in text", () => {
    for (const text of ["jump thrice", "<s>", "__proto__", "constructor"])
      expect(() => tokenizer.encode(text)).toThrow(/text-not-encodable/);
  });

  it("comes back from its JSON", () => {
    const again = tokenizerFromJson(JSON.parse(JSON.stringify(tokenizer.toJSON())), JSON.parse(JSON.stringify(tokenizer.toConfig())));
    expect(again.encode("twice jump")).toEqual([4, 3]);
    expect(again.special).toEqual(tokenizer.special);
  });
});

describe("tokenizer.json", () => {
  const bpe = { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: [["a", "b"]] };
  const json = { model: bpe };

  it("may write merges either way, and leave out what is null", () => {
    expect(tokenizerFromJson(json).encode("abb")).toEqual([2, 1]);
    expect(tokenizerFromJson({ model: { ...bpe, merges: ["a b"] } }).encode("aab")).toEqual([0, 2]);
  });

  it("keeps ids of added tokens beyond the vocabulary", () => {
    const tokenizer = tokenizerFromJson(
      { ...json, added_tokens: [{ id: 3, content: "<|end|>", special: true }] },
      { eos_token: { content: "<|end|>" } },
    );
    expect(tokenizer.vocabularySize).toBe(4);
    expect(tokenizer.special.end).toBe(3);
    expect(tokenizer.decode([2, 3])).toBe("ab");
  });

  it.each<[string, unknown, unknown, string]>([
    ["no object", 1, {}, "model"],
    ["no model", {}, {}, "model"],
    ["a model of an unknown kind", { model: { ...bpe, type: "Bytes" } }, {}, "model.type"],
    ["no vocabulary", { model: { ...bpe, vocab: {} } }, {}, "model.vocab"],
    ["a piece that is missing in the middle", { model: { ...bpe, vocab: { a: 0, b: 1, ab: 3 } } }, {}, "id 2"],
    ["one id for two pieces", { model: { ...bpe, vocab: { a: 0, b: 1, ab: 1 } } }, {}, "id 1"],
    ["an id that is no number", { model: { ...bpe, vocab: { a: 0, b: "1", ab: 2 } } }, {}, "model.vocab.b"],
    ["an id that would take a large table", { model: { ...bpe, vocab: { a: 0, b: 1, ab: 1e12 } } }, {}, "id 3"],
    ["a merge of a piece that is missing", { model: { ...bpe, merges: [["a", "c"]] } }, {}, "model.merges[0]"],
    ["a merge into a piece that is missing", { model: { ...bpe, merges: [["b", "a"]] } }, {}, "model.merges[0]"],
    ["a merge of three", { model: { ...bpe, merges: ["a b c"] } }, {}, "model.merges[0]"],
    ["an unknown piece that is missing", { model: { ...bpe, unk_token: "?" } }, {}, "model.unk_token"],
    ["byte fallback without bytes", { model: { ...bpe, byte_fallback: true } }, {}, "model.vocab"],
    ["a begin token that is missing", json, { bos_token: "<s>" }, "bos_token"],
    ["added tokens that are no list", { ...json, added_tokens: {} }, {}, "added_tokens"],
    ["a decoder of an unknown kind", { ...json, decoder: { type: "Magic" } }, {}, "tokenizer"],
  ])("with %s is refused", (_, given, config, field) => {
    expect(() => tokenizerFromJson(given, config, "folder/tokenizer.json")).toThrow(
      expect.objectContaining({
        code: "models/tokenizer-invalid",
        report: expect.objectContaining({ file: "folder/tokenizer.json", field }),
      }),
    );
  });
});

describe("streamed text", () => {
  it("is the decoded text, cut between whole characters", () => {
    const tokenizer = llama2cTokenizer(vocabulary(["ab", " a"]), "folder");
    const ids = [1, ...tokenizer.encode("ab ü🙂 ab\uFFFD!")];
    const stream = new TextStream(tokenizer, [1]);
    const pieces = ids.slice(1).map((id) => stream.push(id));
    expect(pieces.join("") + stream.rest()).toBe("ab ü🙂 ab\uFFFD!");
    expect(pieces.filter((piece) => piece !== "").length).toBeGreaterThan(4);
    const cut = new TextStream(tokenizer, ids.slice(0, 3));
    expect(cut.push(ids[3]!)).toBe(tokenizer.decode(ids.slice(0, 4)).slice(tokenizer.decode(ids.slice(0, 3)).length));
  });
});
