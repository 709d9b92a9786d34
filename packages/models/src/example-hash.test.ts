import { describe, expect, it } from "vitest";
import { exampleHash } from "./example-hash.ts";

/** FNV-1a by the book, in BigInt. */
function byTheBook(bytes: Iterable<number>): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

describe("exampleHash", () => {
  it("is FNV-1a over the texts and their end marks", () => {
    for (const texts of [[""], ["a"], ["jump twice", "I_JUMP I_JUMP"], ["größe", "大きい", "\u{1f600}"]]) {
      const bytes = texts.flatMap((text) => [...new TextEncoder().encode(text), 0xff]);
      expect(exampleHash(...texts)).toBe(byTheBook(bytes));
    }
  });

  it("tells apart where one text ends and the next begins", () => {
    expect(exampleHash("ab", "c")).not.toBe(exampleHash("a", "bc"));
    expect(exampleHash("ab")).not.toBe(exampleHash("ab", ""));
  });

  it("gives 200,000 similar examples different hashes", () => {
    const hashes = new Set<bigint>();
    for (let i = 0; i < 200_000; i++) hashes.add(exampleHash(`walk ${i % 400} and jump`, `I_WALK ${Math.floor(i / 400)}`));
    expect(hashes.size).toBe(200_000);
  });
});
