import { isPareError, type FileSet } from "@pare/core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashExamples, openData } from "./data.ts";
import { splitText, textData } from "./text.ts";

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isPareError(error)) return error.code;
    throw error;
  }
  return "none";
}

describe("splitText", () => {
  it("splits, strips, keeps what is longer than minChars, then skips and takes", () => {
    const text = "  one one \n--\n two\n--\n\n--\nthree three\n--\nfour four";
    expect(splitText(text, "t", { separator: "--", minChars: 3 })).toEqual({ pieces: ["one one", "three three", "four four"], kept: 3 });
    expect(splitText(text, "t", { separator: "--", minChars: 3, skip: 1, examples: 1 })).toEqual({ pieces: ["three three"], kept: 3 });
  });

  it("takes several texts as one row of pieces, of which some may be too short", () => {
    const texts = ["one one--two", "x", "three three"];
    expect(splitText(texts, "t", { separator: "--", minChars: 3 })).toEqual({ pieces: ["one one", "three three"], kept: 2 });
    expect(splitText(texts, "t", { separator: "--", minChars: 3, skip: 1 }).pieces).toEqual(["three three"]);
    expect(codeOf(() => splitText(texts, "t", { minChars: 3, skip: 9 }))).toBe("training/data-empty");
  });

  it("counts characters, not UTF-16 units", () => {
    expect(splitText("😀😀😀|abcd", "t", { separator: "\\|", minChars: 3 }).pieces).toEqual(["abcd"]);
  });

  it("loses no character but the separator and the white space around pieces", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 1 }), (words) => {
        expect(splitText(words.join(" ; "), "t", { separator: ";" }).pieces).toEqual(words);
      }),
    );
  });

  it("refuses a separator that is no expression, and an empty rest", () => {
    expect(codeOf(() => splitText("a", "t", { separator: "(" }))).toBe("training/separator-invalid");
    expect(codeOf(() => splitText("a b", "t", { minChars: 3 }))).toBe("training/data-empty");
    expect(codeOf(() => splitText("a b", "t", { skip: 1 }))).toBe("training/data-empty");
  });
});

describe("the text data set", () => {
  const files = {
    location: "here",
    read: async (name: string) => {
      if (name !== "a.txt") throw new Error("no such file");
      return new TextEncoder().encode("first\n\nsecond");
    },
  } as unknown as FileSet;
  const registry = { find: () => textData(files) } as never;

  it("opens by name and gives the pieces of a file", async () => {
    const data = openData({ use: "text", file: "a.txt", separator: "\\n\\n" }, registry);
    expect(await data.examples("train")).toEqual([{ target: "first" }, { target: "second" }]);
    expect(JSON.parse(JSON.stringify(data))).toMatchObject({ use: "text", version: 1, options: { file: "a.txt" } });
    expect(openData(data, registry)).toBe(data);
  });

  it("names a file that cannot be read", async () => {
    const data = openData({ use: "text", file: "b.txt" }, registry);
    await expect(data.examples("test")).rejects.toMatchObject({ code: "training/data-file-missing", report: { file: "here/b.txt" } });
  });

  it("refuses neither and both of text and file", () => {
    for (const options of [{}, { file: "a.txt", text: "x" }, { text: 3 }]) {
      expect(codeOf(() => openData({ use: "text", ...options }, registry))).toMatch(/options-invalid$/);
    }
  });
});

describe("hashes", () => {
  it("tell order from order", async () => {
    const a = { source: "x", target: "y" };
    const b = { target: "xy" };
    expect(await hashExamples([a, b])).toMatch(/^[0-9a-f]{64}$/);
    expect(await hashExamples([a, b])).not.toBe(await hashExamples([b, a]));
  });
});
