/** The ids of the Python `tokenizers` library on 1,000 strings (`tools/goldens/tokenizer_ids.py`). */
import { readText } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { describe, expect, it } from "vitest";
import { cutTexts, tokenizerFromJson } from "../src/index.ts";

const files = folderFiles(`${import.meta.dirname}/tokenizers`);
async function json<Value>(name: string): Promise<Value> {
  return JSON.parse(await readText(files, name)) as Value;
}

interface Ids {
  readonly plain: readonly (readonly number[])[];
  /** By token, in code points. */
  readonly offsets: readonly (readonly (readonly [number, number])[])[];
  /** Ids and types. */
  readonly framed: readonly (readonly [number[], number[]])[];
  readonly pairs: readonly (readonly [number[], number[]])[];
}

/** Without marks and spaces, of which either side may count more or fewer to a token. */
function plain(text: string): string {
  return text.normalize("NFD").replace(/[\p{Mn}\p{Cf}\p{Cc}\s]/gu, "");
}

/**
 * XLNet's alone splits at spaces and strips accents before anything else. What U+FEFF is, and marks of Unicode 9 and later, the two libraries see
 * otherwise: JavaScript calls the first a space, and the classes of the Python library are those of Unicode 8.
 */
const OTHERWISE: Readonly<Record<string, RegExp>> = { xlnet: /\uFEFF|\u0EBA|[\u0AFA-\u0AFF]|[\u1ABF-\u1ACE]|[\u1DF6-\u1DFB]/u };

describe.each(["word-piece", "byte-level", "unigram", "xlnet"])("%s", async (name) => {
  const alike = (text: string): boolean => OTHERWISE[name]?.test(text) !== true;
  const strings = await json<string[]>("strings.json");
  const tokenizer = tokenizerFromJson(await json(`${name}/tokenizer.json`), await json(`${name}/tokenizer_config.json`));
  const ids = await json<Ids>(`${name}/ids.json`);

  it("gives the same ids on 1,000 strings", () => {
    expect(strings).toHaveLength(1000);
    const wrong = strings.filter((text, index) => alike(text) && tokenizer.encode(text).join() !== ids.plain[index]!.join());
    expect(wrong).toEqual([]);
  });

  it("says where in the text tokens stand", () => {
    let [same, all] = [0, 0];
    for (const [row, expected] of ids.offsets.entries()) {
      const text = strings[row]!;
      if (!alike(text)) continue;
      const { spans, ids: found } = tokenizer.locate(text);
      expect(found).toEqual(ids.plain[row]);
      const points = Array.from(text);
      for (const [index, [begin, end]] of expected.entries()) {
        all++;
        const wanted = points.slice(begin, end).join("").trim();
        if (plain(text.slice(...spans[index]!)) === plain(wanted)) same++;
        else if (process.env["PARE_SHOW"] !== undefined)
          console.log(
            JSON.stringify(text),
            index,
            tokenizer.decode([found[index]!]),
            JSON.stringify(wanted),
            JSON.stringify(text.slice(...spans[index]!)),
          );
      }
    }
    console.log(same, all);
  });

  it("puts the same marks around texts and pairs of texts", () => {
    const encoded = strings.slice(0, ids.framed.length).map((text) => tokenizer.encode(text));
    for (const [index, [expected, types]] of ids.framed.entries()) {
      if (!alike(strings[index]!)) continue;
      expect(tokenizer.frame(encoded[index]!)).toMatchObject({ ids: expected, tokenTypes: types });
    }
    for (const [index, [expected, types]] of ids.pairs.entries()) {
      const second = encoded.at(-1 - index)!;
      if (!alike(strings[index]! + strings.at(ids.framed.length - 1 - index)!)) continue;
      const framed = tokenizer.frame(encoded[index]!, second);
      expect(framed).toMatchObject({ ids: expected, tokenTypes: types });
      expect(framed.ids.slice(framed.starts[1], framed.starts[1]! + second.length)).toEqual(second);
    }
  });
});

/** As many as `tools/goldens/truncation.py` leaves. */
const LENGTH = 12;

describe.each(["word-piece", "byte-level", "unigram"])("%s", async (name) => {
  const strings = await json<string[]>("strings.json");
  const cut = await json<Record<"left" | "right", [number[], number[]][]>>(`${name}/cut.json`);

  it.each(["left", "right"] as const)("cuts texts that are too long at the %s as its config says", async (side) => {
    const config = { ...(await json<object>(`${name}/tokenizer_config.json`)), truncation_side: side };
    const tokenizer = tokenizerFromJson(await json(`${name}/tokenizer.json`), config);
    for (const [index, [alone, pair]] of cut[side].entries()) {
      const [first, second] = [strings[index]!, strings[cut[side].length - 1 - index]!].map((text) => tokenizer.encode(text));
      const left = (marks: number, ...texts: [number[], number[]?]): readonly number[] =>
        tokenizer.frame(...cutTexts(tokenizer, texts, LENGTH - marks)).ids;
      expect(left(tokenizer.frame([]).ids.length, first!)).toEqual(alone);
      expect(left(tokenizer.frame([], []).ids.length, first!, second!)).toEqual(pair);
    }
  });
});
