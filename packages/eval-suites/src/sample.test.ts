import * as fc from "fast-check";
import { expect, it } from "vitest";
import { sample } from "./sample.ts";

const items = Array.from({ length: 200 }, (_, index) => index);

it("takes different items in their own order, the same for the same seed", () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.integer({ min: 1, max: 199 }), (seed, count) => {
      const chosen = sample(items, count, seed, "suite");
      expect(new Set(chosen).size).toBe(count);
      expect(chosen.toSorted((a, b) => a - b)).toEqual(chosen);
      expect(sample(items, count, seed, "suite")).toEqual(chosen);
    }),
  );
});

it("differs between seeds and between suites, and is all where that is no more", () => {
  expect(sample(items, 20, 1, "a")).not.toEqual(sample(items, 20, 2, "a"));
  expect(sample(items, 20, 1, "a")).not.toEqual(sample(items, 20, 1, "b"));
  expect(sample(items, 200, 1, "a")).toBe(items);
  expect(sample(items, undefined, 1, "a")).toBe(items);
});
