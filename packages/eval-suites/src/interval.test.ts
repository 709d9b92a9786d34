import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ratioInterval, wilson } from "./interval.ts";

describe("wilson", () => {
  it("gives the published interval of 81 in 263 (Newcombe 1998, table I: 0.2553 to 0.3662)", () => {
    const { low, high } = wilson(81, 263);
    expect(low).toBeCloseTo(0.2553, 4);
    expect(high).toBeCloseTo(0.3662, 4);
  });

  it("holds the proportion, stays within 0 and 1, mirrors failures, and narrows with more trials", () => {
    const trials = fc.integer({ min: 1, max: 100_000 }).chain((n) => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n)));
    fc.assert(
      fc.property(trials, ([successes, n]) => {
        const { low, high } = wilson(successes, n);
        expect(low >= 0 && low <= successes / n && successes / n <= high && high <= 1).toBe(true);
        const mirror = wilson(n - successes, n);
        expect(mirror.low).toBeCloseTo(1 - high, 12);
        const more = wilson(successes * 4, n * 4);
        expect(more.high - more.low).toBeLessThan(high - low);
      }),
    );
  });
});

describe("ratioInterval", () => {
  it("is the normal interval of the mean where all pieces are of one length", () => {
    const totals = [1, 2, 3, 4];
    const { low, high } = ratioInterval(totals, [1, 1, 1, 1])!;
    const error = Math.sqrt(5 / 3 / 4);
    expect((low + high) / 2).toBeCloseTo(2.5, 12);
    expect((high - low) / 2).toBeCloseTo(1.959964 * error, 6);
  });

  it("holds the ratio, and has no width where every piece has the same mean", () => {
    const pieces = fc.array(fc.tuple(fc.double({ min: 0, max: 10, noNaN: true }), fc.integer({ min: 1, max: 300 })), {
      minLength: 2,
      maxLength: 50,
    });
    fc.assert(
      fc.property(pieces, (rows) => {
        const counts = rows.map(([, count]) => count);
        const ratio = rows.reduce((sum, [mean, count]) => sum + mean * count, 0) / counts.reduce((a, b) => a + b);
        const { low, high } = ratioInterval(
          rows.map(([mean, count]) => mean * count),
          counts,
        )!;
        expect(low <= ratio + 1e-9 && ratio - 1e-9 <= high).toBe(true);
        const equal = ratioInterval(
          counts.map((count) => 2 * count),
          counts,
        )!;
        expect(equal.high - equal.low).toBeCloseTo(0, 9);
      }),
    );
  });

  it("says nothing of one piece", () => {
    expect(ratioInterval([1], [1])).toBeUndefined();
  });
});
