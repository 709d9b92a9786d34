import { expect, it } from "vitest";
import { isNOfM, nOfMField, parseNOfM, selectNOfM } from "./n-of-m.ts";

function select(rows: readonly (readonly number[])[], pattern: `${number}:${number}`, columns?: readonly [number, number]): number[] {
  const keys = Uint32Array.from(rows.flat());
  const kept = new Uint8Array(keys.length);
  selectNOfM(keys, kept, rows[0].length, pattern, columns);
  return [...kept];
}

it("keeps the largest of each group, row by row, a shorter last group too", () => {
  expect(select([[5, 1, 7, 2, 3, 9]], "2:4")).toEqual([1, 0, 1, 0, 1, 1]);
  expect(
    select(
      [
        [5, 1, 7, 2, 3, 9],
        [1, 2, 3, 4, 5, 6],
      ],
      "1:4",
    ),
  ).toEqual([0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 1]);
});

it("breaks ties by index and never keeps what was pruned", () => {
  expect(select([[4, 4, 4, 4]], "2:4")).toEqual([0, 0, 1, 1]);
  expect(select([[0, 8, 0, 0]], "2:4")).toEqual([0, 1, 0, 0]);
});

it("writes in the columns asked for alone", () => {
  expect(select([[1, 2, 3, 4, 5, 6, 7, 8]], "1:2", [4, 6])).toEqual([0, 0, 0, 0, 0, 1, 0, 0]);
});

it("reads patterns and refuses those that are none", () => {
  expect(parseNOfM("2:4")).toEqual({ n: 2, m: 4 });
  expect(isNOfM("unstructured")).toBe(false);
  for (const wrong of ["4:4", "0:4", "2:", "2:4:8", "two"]) expect(nOfMField.safeParse(wrong).success).toBe(false);
  expect(nOfMField.safeParse("4:8").success).toBe(true);
});
