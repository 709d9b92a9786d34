import { expect, test } from "vitest";
import { computeOptimal, expectedLoss, type ChinchillaLaw } from "./chinchilla.ts";

/** Hoffmann et al. 2022, section 3.3. */
const published: ChinchillaLaw = { E: 1.69, A: 406.4, B: 410.7, alpha: 0.34, beta: 0.28 };

test("the law is E + A/N^α + B/D^β", () => {
  const law = { E: 1, A: 8, B: 27, alpha: 0.5, beta: 1 / 3 };
  expect(expectedLoss(law, 16, 27)).toBeCloseTo(1 + 8 / 4 + 27 / 3, 12);
});

test("the allocation spends the budget and no other split is better", () => {
  const flops = 5.76e23;
  const { params, tokens, loss, G } = computeOptimal(published, flops);
  expect((6 * params * tokens) / flops).toBeCloseTo(1, 12);
  expect(params / Math.sqrt(flops / 6) / G).toBeCloseTo((flops / 6) ** (0.28 / 0.62 - 0.5), 8);
  for (const factor of [0.8, 0.99, 1.01, 1.25]) {
    expect(expectedLoss(published, params * factor, tokens / factor)).toBeGreaterThan(loss);
  }
});

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses a budget of %d", (flops) => {
  expect(() => computeOptimal(published, flops)).toThrow(expect.objectContaining({ code: "scaling-laws/not-positive" }));
});
