import { describe, expect, it } from "vitest";
import type { Tokenizer } from "@pare/models";
import { encodeExample, hashExample } from "./encode.ts";

const letters: Pick<Tokenizer, "vocabularySize" | "special" | "encode" | "decode" | "frame"> = {
  vocabularySize: 128,
  special: { begin: 1, end: 2, padding: 0 },
  encode: (text) => Array.from(text, (letter) => letter.charCodeAt(0)),
  frame: (first) => ({ ids: first, tokenTypes: [], starts: [0] }),
  decode: (ids) => String.fromCharCode(...ids),
};

describe("encodeExample", () => {
  it("gives an encoder–decoder its source apart and predicts the end", () => {
    expect(encodeExample(letters, "encoder-decoder", { source: "ab", target: "c" })).toEqual({
      tokens: [1, 99, 2],
      source: [97, 98],
      start: 1,
    });
  });

  it("gives a decoder plain text without an end, cut where asked", () => {
    expect(encodeExample(letters, "decoder", { target: "abc" })).toEqual({ tokens: [1, 97, 98, 99], start: 1 });
    expect(encodeExample(letters, "decoder", { target: "abc" }, 3)).toEqual({ tokens: [1, 97, 98], start: 1 });
  });

  it("lets a decoder predict only the target of an example with a source", () => {
    expect(encodeExample(letters, "decoder", { source: "ab", target: "c" })).toEqual({ tokens: [1, 97, 98, 99, 2], start: 3 });
  });

  it("refuses what cannot be predicted", () => {
    const { begin: _begin, ...special } = letters.special;
    expect(() => encodeExample({ ...letters, special }, "decoder", { target: "a" })).toThrow(/training\/tokenizer-incomplete/);
    expect(() => encodeExample({ ...letters, special: { begin: 1 } }, "encoder-decoder", { source: "a", target: "a" })).toThrow(
      /special\.end/,
    );
    expect(() => encodeExample(letters, "encoder-decoder", { target: "a" })).toThrow(/training\/example-empty/);
    expect(() => encodeExample(letters, "decoder", { target: "" })).toThrow(/training\/example-empty/);
    expect(() => encodeExample(letters, "decoder", { source: "abc", target: "d" }, 4)).toThrow(/training\/example-empty/);
  });
});

describe("hashExample", () => {
  it("tells source from target", () => {
    const hashes = [{ target: "ab" }, { source: "a", target: "b" }, { source: "", target: "ab" }, { source: "ab", target: "" }].map(
      hashExample,
    );
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});
