import { expect, test } from "vitest";
import { resample } from "./bootstrap.ts";

test("draws n of n with replacement, the same for the same seed and draw", () => {
  const counts = resample(1000, 7, 3);
  expect(counts.reduce((a, b) => a + b)).toBe(1000);
  // Of n observations a share 1/e is left out on average.
  expect(counts.filter((count) => count === 0).length / 1000).toBeCloseTo(Math.exp(-1), 1);
  expect(resample(1000, 7, 3)).toEqual(counts);
  expect(resample(1000, 7, 4)).not.toEqual(counts);
  expect(resample(1000, 8, 3)).not.toEqual(counts);
});
