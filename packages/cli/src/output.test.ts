import { expect, test } from "vitest";
import { bytes, digits, table } from "./output.ts";

test("bytes and digits are short", () => {
  expect([0, 999, 1000, 1_040_128, 5e12].map(bytes)).toEqual(["0 B", "999 B", "1 kB", "1.04 MB", "5 TB"]);
  expect([0, 1.8172181, 0.00182601, 1.186786e11, 1e-9].map((value) => digits(value))).toEqual([
    "0",
    "1.8172",
    "0.001826",
    "1.1868e+11",
    "1.0000e-9",
  ]);
});

test("columns of numbers stand to the right", () => {
  const lines = table(
    ["name", "size"],
    [
      ["a", "1 kB"],
      ["long", "12.5 MB"],
    ],
  ).split("\n");
  expect(lines[3]).toBe("│ a    │    1 kB │");
});
