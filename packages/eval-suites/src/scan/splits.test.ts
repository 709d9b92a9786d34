import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Example, Part } from "@pare/training";
import { describe, expect, it } from "vitest";
import { scan } from "./data.ts";
import { scanTasks } from "./grammar.ts";
import { scanExamples, type ScanSplit } from "./splits.ts";

const folder = new URL("../../../../../shared/data/scan/", import.meta.url);
const present = existsSync(folder);
if (!present) console.warn("shared/data/scan is absent: SCAN is not compared with its authors' files");

const unzip = (name: string): string => gunzipSync(readFileSync(new URL(name, folder))).toString();
const line = ({ source, target }: Example): string => `IN: ${source} OUT: ${target}`;
const shared = (examples: readonly Example[], others: ReadonlySet<string>): number =>
  examples.filter((example) => others.has(line(example))).length;
const set = (examples: readonly Example[]): Set<string> => new Set(examples.map(line));

describe("splits of SCAN", () => {
  it.each<[ScanSplit, Part, number, number]>([
    ["simple", "train", 16_728, 16_728],
    ["simple", "test", 4_182, 4_182],
    ["length", "train", 16_990, 16_990],
    ["length", "test", 3_920, 3_920],
    ["jump", "train", 14_670, 13_204],
    ["jump", "test", 7_706, 7_706],
    ["turn-left", "train", 21_890, 19_702],
    ["turn-left", "test", 1_208, 1_208],
    ["intersection", "train", 8_635, 8_635],
    ["intersection", "test", 2_227, 2_227],
  ])("%s %s has %i examples, %i different", (split, part, all, different) => {
    const examples = scanExamples(split, part);
    expect([examples.length, set(examples).size]).toEqual([all, different]);
  });

  it("shares nothing between the two parts", () => {
    for (const split of ["simple", "length", "jump", "turn-left", "intersection"] as const) {
      expect(shared(scanExamples(split, "train"), set(scanExamples(split, "test")))).toBe(0);
    }
  });

  it("keeps the intersection out of every test, while four fifths of the length and jump tests stand in simple's training set", () => {
    const intersection = set(scanExamples("intersection", "train"));
    const simple = set(scanExamples("simple", "train"));
    for (const split of ["simple", "length", "jump"] as const) expect(shared(scanExamples(split, "test"), intersection)).toBe(0);
    const seen = (split: ScanSplit): number => shared(scanExamples(split, "test"), simple);
    expect([seen("length"), seen("jump"), seen("turn-left")]).toEqual([3_152, 6_218, 948]);
  });

  it("has data sets that name themselves as recipes do", async () => {
    const data = scan("jump");
    expect(JSON.parse(JSON.stringify(data))).toMatchObject({ use: "scan", version: 1, options: { split: "jump" } });
    expect(await data.examples("test")).toHaveLength(7_706);
  });
});

describe.skipIf(!present)("SCAN as its authors published it", () => {
  it("has the same lines", () => {
    const theirs = unzip("tasks.txt.gz").trimEnd().split("\n");
    const ours = scanTasks().map(({ command, actions }) => line({ source: command, target: actions.join(" ") }));
    expect(ours.toSorted()).toEqual(theirs.toSorted());
  });

  it("has the same splits, repeats included", () => {
    const tasks = unzip("tasks.txt.gz").trimEnd().split("\n");
    const files = JSON.parse(unzip("splits.json.gz")) as Record<string, number[]>;
    for (const [path, lines] of Object.entries(files)) {
      const [, part, name] = /tasks_(train|test)_(.*)\.txt$/.exec(path)!;
      const split = name!.replace("addprim_", "").replace("_", "-") as ScanSplit;
      expect(
        scanExamples(split, part as Part)
          .map(line)
          .toSorted(),
        path,
      ).toEqual(lines.map((index) => tasks[index]!).toSorted());
    }
    expect(Object.keys(files)).toHaveLength(8);
  });
});
