import { readText } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { describe, expect, it } from "vitest";
import { keepPieces, tokenizerFromJson, wordPieceTokenizer, wordTokenizer, type Tokenizer } from "./index.ts";

const files = folderFiles(`${import.meta.dirname}/../test/tokenizers`);
const json = async (name: string): Promise<never> => JSON.parse(await readText(files, name)) as never;

/** Pieces of ids. */
function spelled(tokenizer: Tokenizer, ids: readonly number[]): string[] {
  const { model, added_tokens: added = [] } = tokenizer.toJSON() as {
    model: { vocab: Record<string, number> | [string, number][] };
    added_tokens?: { id: number; content: string }[];
  };
  const { vocab } = model;
  const names = new Map(
    Array.isArray(vocab) ? vocab.map(([piece], id) => [id, piece]) : Object.entries(vocab).map(([piece, id]) => [id, piece]),
  );
  for (const { id, content } of added) names.set(id, content);
  return ids.map((id) => names.get(id)!);
}

describe.each(["word-piece", "byte-level", "unigram", "xlnet"])("pieces of a %s vocabulary", async (name) => {
  const strings = (await json(`strings.json`)) as string[];
  const whole = tokenizerFromJson(await json(`${name}/tokenizer.json`), await json(`${name}/tokenizer_config.json`));

  it("that a corpus uses spell it as before, marks in place", () => {
    const corpus = strings.filter((_, index) => index % 5 === 0);
    const used = new Set(corpus.flatMap((text) => whole.encode(text)));
    const { tokenizer, ids } = keepPieces(whole, used);
    expect(tokenizer.vocabularySize).toBe(ids.length);
    expect(ids.length).toBeLessThan(whole.vocabularySize);
    for (const text of corpus) {
      const [before, after] = [whole.encode(text), tokenizer.encode(text)];
      expect(
        after.map((id) => ids[id]),
        text,
      ).toEqual(before);
      expect(spelled(tokenizer, after)).toEqual(spelled(whole, before));
      expect(tokenizer.frame(after, after).ids.map((id) => ids[id])).toEqual(whole.frame(before, before).ids);
      expect(tokenizer.decode(after)).toBe(whole.decode(before));
    }
    for (const [mark, id] of Object.entries(whole.special)) expect(ids[tokenizer.special[mark as "begin"]!]).toBe(id);
  });

  it("of no text at all are what the tokenizer cannot do without, and all of them change nothing", () => {
    const { tokenizer, ids } = keepPieces(whole, []);
    expect(ids.length).toBeLessThan(name === "byte-level" ? 300 : 60);
    if (name === "byte-level") expect(tokenizer.decode(tokenizer.encode("naïve 漢 🙂"))).toBe("naïve 漢 🙂");
    const all = keepPieces(
      whole,
      Array.from({ length: whole.vocabularySize }, (_, id) => id),
    );
    expect(all.tokenizer.toJSON()).toEqual({ post_processor: null, padding: null, ...whole.toJSON() });
  });
});

describe("keepPieces", () => {
  it("keeps what pairs become on the way, and no others", () => {
    const merges = ["a b", "c d", "ab cd", "b c"];
    const vocab = Object.fromEntries(["<s>", "a", "b", "c", "d", "e", "ab", "cd", "abcd", "bc"].map((piece, id) => [piece, id]));
    const whole = tokenizerFromJson(
      { added_tokens: [{ id: 0, content: "<s>", special: true }], model: { type: "BPE", vocab, merges } },
      { bos_token: "<s>" },
    );
    expect(whole.encode("abcd")).toEqual([8]);
    const { tokenizer, ids } = keepPieces(whole, [8]);
    expect(ids).toEqual([0, 1, 2, 3, 4, 6, 7, 8]);
    expect((tokenizer.toJSON() as { model: { merges: string[] } }).model.merges).toEqual(["a b", "c d", "ab cd"]);
    expect(tokenizer.encode("abcd")).toEqual([7]);
  });

  it("lets words of no other text in", () => {
    const { tokenizer, ids } = keepPieces(wordTokenizer(["red", "green", "blue"]), [4]);
    expect(ids).toEqual([0, 1, 2, 4]);
    expect(tokenizer.encode("green")).toEqual([3]);
    expect(() => tokenizer.encode("red")).toThrow(expect.objectContaining({ code: "models/text-not-encodable" }));
    const pieces = wordPieceTokenizer(["play", "##ing", "##er"]);
    const { tokenizer: fewer } = keepPieces(pieces, pieces.encode("playing"));
    expect(fewer.encode("player")).toEqual([fewer.special.unknown]);
  });
});
