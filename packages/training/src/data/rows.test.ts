import { memoryFiles } from "@pare/core";
import { describe, expect, it } from "vitest";
import { hashExample } from "../encode.ts";
import type { Example } from "./data.ts";
import { rowsData, type RowsOptions } from "./rows.ts";

function open(options: RowsOptions, files: Record<string, string> = {}): Promise<readonly Example[]> {
  const contents = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, new TextEncoder().encode(text)]));
  return rowsData(memoryFiles(contents, "folder")).define.open(options).examples("train");
}

function plain(examples: readonly Example[]) {
  return examples.map(({ place: _place, ...rest }) => rest);
}

describe("the rows data set", () => {
  it("reads the same from JSONL, CSV and TSV, each row with its line", async () => {
    const jsonl = '{"text": "a, b", "label": "good"}\n\n{"text": "say \\"c\\"", "label": "bad"}\n';
    const csv = 'text,label\n"a, b",good\n"say ""c""",bad\n';
    const tsv = 'text\tlabel\na, b\tgood\nsay "c"\tbad\n';
    const expected = [
      { target: "a, b", wanted: { label: "good" } },
      { target: 'say "c"', wanted: { label: "bad" } },
    ];
    const files = { "a.jsonl": jsonl, "a.csv": csv, "a.tsv": tsv };
    const lines = { "a.jsonl": [1, 3], "a.csv": [2, 3], "a.tsv": [2, 3] };
    for (const file of ["a.jsonl", "a.csv", "a.tsv"] as const) {
      const examples = await open({ file }, files);
      expect(plain(examples)).toEqual(expected);
      expect(examples.map(({ place }) => place)).toEqual(lines[file].map((line) => ({ file, line })));
    }
  });

  it("takes columns by the names that a file gives them, or has none for", async () => {
    const cola = "gj04\t1\t\tThe sailors rode the breeze.\ngj04\t0\t*\tThey drank the pub.\n";
    const columns = ["source", "acceptable", "mark", "sentence"];
    const examples = await open({ file: "cola.tsv", columns, text: "sentence", label: "acceptable" }, { "cola.tsv": cola });
    expect(plain(examples)).toEqual([
      { target: "The sailors rode the breeze.", wanted: { label: "1" } },
      { target: "They drank the pub.", wanted: { label: "0" } },
    ]);
    const rows = [{ premise: "a", hypothesis: "b", label: 2 }];
    expect(plain(await open({ rows, text: "premise", pair: "hypothesis" }))).toEqual([{ source: "a", target: "b", wanted: { label: 2 } }]);
  });

  it("reads tags of words, answers and choices in the forms that files have them", async () => {
    const tags = {
      tags: [
        { begin: 0, end: 3, tag: "NAME" },
        { begin: 4, end: 9, tag: "O" },
      ],
    };
    expect(plain(await open({ rows: [{ text: ["Ann", "likes"], tags: ["NAME", "O"] }] }))).toEqual([{ target: "Ann likes", wanted: tags }]);
    expect(plain(await open({ rows: [{ text: "Ann  likes", tags: "NAME O" }] }))).toEqual([{ target: "Ann likes", wanted: tags }]);
    const pair = "🙂 Ann likes tea and tea";
    const answers = [{ text: "tea", start: 12 }, { text: ["tea"], answer_start: [12] }, [{ text: "tea", answer_start: 13 }], "tea"];
    for (const each of answers)
      expect(plain(await open({ rows: [{ text: "What?", pair, answers: each }] }))).toEqual([
        { source: "What?", target: pair, wanted: { answers: [{ begin: 13, text: "tea" }] } },
      ]);
    expect(plain(await open({ rows: [{ text: "What?", pair, answers: { text: [], answer_start: [] } }] }))[0]!.wanted).toEqual({
      answers: [],
    });
    const wanted = { choices: ["tea", "red"], right: 1 };
    for (const row of [
      { text: "Ann", choices: ["tea", "red"], label: "1" },
      { text: "Ann", choices: ["tea", "red"], label: "red" },
    ])
      expect(plain(await open({ rows: [row] }))).toEqual([{ target: "Ann", wanted }]);
    const csv = "sent,ending0,ending1,answer\nAnn,tea,red,1\n";
    const options = { file: "s.csv", text: "sent", choices: ["ending0", "ending1"], right: "answer" };
    expect(plain(await open(options, { "s.csv": csv }))).toEqual([{ target: "Ann", wanted }]);
  });

  it.each([
    ["a line that is no JSON", '{"text": "a"}\n{"text": ', {}, /line 2: row/],
    ["a row that is no object", "[1]", {}, /line 1: row/],
    ["a column that is not there", '{"text": "a", "lable": "b"}', { label: "label" }, /line 1: label[\s\S]*near {6}lable/],
    ["a text that is none", '{"text": "a"}\n{"text": 3}', {}, /line 2: text/],
    ["an empty text", '{"text": " "}', {}, /line 1: text/],
    ["a label that is none", '{"text": "a", "label": {"b": 1}}', {}, /line 1: label/],
    ["tags that are too few", '{"text": "a b", "tags": ["O"]}', {}, /line 1: tags[\s\S]*2 tags/],
    ["an answer of another text", '{"text": "a", "pair": "b c", "answers": {"text": "c", "start": 0}}', {}, /line 1: answers/],
    ["an answer that is nowhere", '{"text": "a", "pair": "b c", "answers": "d"}', {}, /line 1: answers/],
    ["a choice that is not among them", '{"text": "a", "choices": ["b", "c"], "label": 2}', {}, /line 1: label/],
  ])("refuses %s, and says where", async (_what, text, options, message) => {
    await expect(open({ file: "r.jsonl", ...options }, { "r.jsonl": text })).rejects.toThrow(message);
    await expect(open({ file: "r.jsonl", ...options }, { "r.jsonl": text })).rejects.toMatchObject({
      code: "training/row-invalid",
      report: { file: "r.jsonl" },
    });
  });

  it("reads cells in quotation marks with separators, lines and marks in them", async () => {
    const csv = '\uFEFFtext,label\r\n"a\nb, ""c""",x\r\n\r\n"",y\r\nd,"z"';
    const files = { "q.csv": csv };
    await expect(open({ file: "q.csv" }, files)).rejects.toThrow(/line 5: text/);
    expect(await open({ file: "q.csv", examples: 1 }, files)).toMatchObject([
      { target: 'a\nb, "c"', wanted: { label: "x" }, place: { line: 2 } },
    ]);
    expect(await open({ file: "q.csv", skip: 2 }, files)).toMatchObject([{ target: "d", wanted: { label: "z" }, place: { line: 6 } }]);
    await expect(open({ file: "a.csv" }, { "a.csv": 'text\n"open' })).rejects.toThrow(/line 2: row[\s\S]*training\/row-invalid/);
    await expect(open({ file: "a.csv" }, { "a.csv": 'text\n"a"b\n' })).rejects.toThrow(/line 2: row[\s\S]*training\/row-invalid/);
  });

  it("refuses lines with other cells than the header names, a missing file and an unknown ending", async () => {
    await expect(open({ file: "a.csv" }, { "a.csv": "text,label\na,b\nc\n" })).rejects.toThrow(/line 3: row[\s\S]*training\/row-invalid/);
    await expect(open({ file: "nowhere.csv" })).rejects.toMatchObject({ code: "training/data-file-missing" });
    await expect(open({ file: "a.csv", skip: 1 }, { "a.csv": "text\na\n" })).rejects.toMatchObject({ code: "training/data-empty" });
    const { options } = rowsData().define;
    expect(await options["~standard"].validate({ file: "a.xlsx" })).toMatchObject({ issues: [{ path: ["file"] }] });
    expect(await options["~standard"].validate({})).toMatchObject({ issues: [{ path: ["file"] }] });
  });
});

it("provenance knows an example by its texts, whatever is wanted of them", async () => {
  const [first, second] = await open({ rows: [{ text: "a", label: "x" }, { text: "a" }] });
  expect(hashExample(first!)).toBe(hashExample(second!));
});
