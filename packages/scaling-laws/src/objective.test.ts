import { expect, test } from "vitest";
import { expectedLoss } from "./chinchilla.ts";
import { lawOf, logData, objective } from "./objective.ts";

const observations = [
  { params: 1e7, tokens: 3e9, loss: 4.4 },
  { params: 4e8, tokens: 2e9, loss: 2.9 },
  { params: 9e9, tokens: 5e10, loss: 2.1 },
];
const x = Float64Array.of(6.2, 7.6, 0.6, 0.34, 0.37);

test("is the Huber loss of log residuals, summed", () => {
  const delta = 0.05;
  const residuals = observations.map(({ params, tokens, loss }) => Math.log(expectedLoss(lawOf(x), params, tokens)) - Math.log(loss));
  expect(residuals.some((r) => Math.abs(r) < delta) && residuals.some((r) => Math.abs(r) > delta)).toBe(true);
  const expected = residuals.map((r) => (Math.abs(r) <= delta ? r * r * 0.5 : delta * (Math.abs(r) - delta / 2)));
  const sum = expected.reduce((a, b) => a + b);
  expect(objective(logData(observations), delta)(x, new Float64Array(5))).toBeCloseTo(sum, 14);
});

test("weights count observations", () => {
  const twice = [observations[0]!, observations[2]!, observations[2]!];
  const gradient = new Float64Array(5);
  const gradientTwice = new Float64Array(5);
  const value = objective(logData(observations), 1e-3, [1, 0, 2])(x, gradient);
  expect(value).toBeCloseTo(objective(logData(twice), 1e-3)(x, gradientTwice), 14);
  gradient.forEach((g, i) => expect(g).toBeCloseTo(gradientTwice[i]!, 12));
});

test.each([1e-3, 0.05, 1])("its gradient agrees with finite differences at δ = %d", (delta) => {
  const f = objective(logData(observations), delta);
  const gradient = new Float64Array(5);
  const scratch = new Float64Array(5);
  f(x, gradient);
  for (let i = 0; i < 5; i++) {
    const step = 1e-6;
    const up = f(x.with(i, x[i]! + step), scratch);
    const down = f(x.with(i, x[i]! - step), scratch);
    expect(gradient[i]).toBeCloseTo((up - down) / (2 * step), 7);
  }
});
