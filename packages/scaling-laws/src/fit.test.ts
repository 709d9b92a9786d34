import { expect, test } from "vitest";
import { expectedLoss, type ChinchillaLaw, type Observation } from "./chinchilla.ts";
import { fitChinchilla } from "./fit.ts";

const truth: ChinchillaLaw = { E: 1.8, A: 480, B: 2000, alpha: 0.35, beta: 0.37 };

/** A grid of runs around the law, off by ±`noise` of the loss in a fixed pattern. */
function runs(noise: number): Observation[] {
  return Array.from({ length: 120 }, (_, i) => {
    const params = 10 ** (7 + (i % 12) / 4);
    const tokens = 10 ** (8.5 + Math.floor(i / 12) / 4);
    return { params, tokens, loss: expectedLoss(truth, params, tokens) * (1 + noise * Math.sin(12.9898 * (i + 1))) };
  });
}

test("recovers the constants of a law without noise", async () => {
  const { fit, n } = await fitChinchilla(runs(0), { draws: 0 });
  expect(n).toBe(120);
  expect(fit.objective).toBeLessThan(1e-9);
  for (const name of ["E", "A", "B", "alpha", "beta"] as const) expect(fit[name] / truth[name]).toBeCloseTo(1, 3);
});

test("outliers hardly move it", async () => {
  const observations = runs(0.001).map((run, i) => (i % 24 === 5 ? { ...run, loss: run.loss * 1.5 } : run));
  const { fit } = await fitChinchilla(observations, { draws: 0 });
  expect(fit.E).toBeCloseTo(truth.E, 1);
  expect(fit.alpha).toBeCloseTo(truth.alpha, 1);
  expect(fit.beta).toBeCloseTo(truth.beta, 1);
});

test("intervals hold the truth, widen with the noise, and repeat with the seed", async () => {
  const options = { draws: 200, starts: 20, seed: 3 };
  const little = await fitChinchilla(runs(0.002), options);
  const much = await fitChinchilla(runs(0.02), options);
  for (const name of ["E", "A", "B", "alpha", "beta"] as const) {
    const [low, high] = much.intervals[name]!;
    expect(low).toBeLessThan(truth[name]);
    expect(high).toBeGreaterThan(truth[name]);
    expect(high - low).toBeGreaterThan(little.intervals[name]![1] - little.intervals[name]![0]);
    expect(much.standardErrors[name]).toBeGreaterThan(0);
  }
  expect(await fitChinchilla(runs(0.02), options)).toEqual(much);
  expect((await fitChinchilla(runs(0.02), { ...options, seed: 4 })).intervals).not.toEqual(much.intervals);
});

test("an aborted signal ends it, at once or at its next turn", async () => {
  const reason = new Error("enough");
  await expect(fitChinchilla(runs(0.02), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  const running = fitChinchilla(runs(0.02), { draws: 100_000, signal: controller.signal, onProgress: () => controller.abort(reason) });
  await expect(running).rejects.toBe(reason);
});

test("refuses what no law can be fitted to", async () => {
  const good = runs(0);
  await expect(fitChinchilla(good.slice(0, 5))).rejects.toMatchObject({ code: "scaling-laws/observations-too-few" });
  await expect(fitChinchilla(good.map((run) => ({ ...run, tokens: 1e9 })))).rejects.toMatchObject({ code: "scaling-laws/unidentifiable" });
  await expect(fitChinchilla([...good, { params: 1, tokens: Number.NaN, loss: 1 }])).rejects.toMatchObject({
    code: "scaling-laws/not-positive",
    report: { field: "observations[120].tokens" },
  });
  await expect(fitChinchilla(good, { level: 1.5 })).rejects.toMatchObject({
    code: "scaling-laws/options-invalid",
    report: { field: "level" },
  });
  await expect(fitChinchilla(good, { draws: 1.5 })).rejects.toMatchObject({ report: { field: "draws" } });
});
