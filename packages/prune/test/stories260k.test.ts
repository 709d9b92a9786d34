/** The figures that a reference implementation measured on a real model, by the same protocol: 60 stories, 13,622 predictions. */
import { prepareSequences } from "@pare/training";
import {
  blockInfluence,
  heads,
  layers,
  magnitude,
  measureHeads,
  neurons,
  sparsegpt,
  wanda,
  type CalibratedPruningOptions,
  type MagnitudeOptions,
} from "@pare/prune";
import { describe, expect, it } from "vitest";
import { calibration, nllOf, open, present } from "../../training/test/stories260k.ts";

describe.skipIf(!present)("stories260K, pruned", () => {
  const rows: readonly [number, MagnitudeOptions][] = [
    [1.345, { sparsity: 0.1 }],
    [1.396, { sparsity: 0.2 }],
    [1.647, { sparsity: 0.3 }],
    [3.607, { sparsity: 0.5 }],
    [5.725, { sparsity: 0.7 }],
    [3.494, { sparsity: 0.5, scope: "row" }],
    [5.59, { sparsity: 0.5, pattern: "4x1" }],
    [4.716, { pattern: "2:4" }],
  ];

  it.each(rows)("has NLL %d under %o", async (expected, options) => {
    const { context, original, events } = await open();
    const { model } = await magnitude(options).run({ model: original }, context);
    expect(Math.abs((await nllOf(model, context)) - expected)).toBeLessThan(0.004);
    expect(events.filter(({ type }) => type === "fallback")).toEqual([]);
  });

  const calibrated: readonly [number, "wanda" | "sparsegpt", Partial<CalibratedPruningOptions>][] = [
    [2.893, "wanda", { sparsity: 0.5 }],
    [4.248, "wanda", { pattern: "2:4" }],
    [2.742, "sparsegpt", { sparsity: 0.5 }],
    [3.464, "sparsegpt", { pattern: "2:4" }],
  ];

  it.each(calibrated)("has NLL %d after prune/%s with %o", async (expected, name, options) => {
    const { context, original, events } = await open();
    const stage = { wanda, sparsegpt }[name];
    const { model } = await stage({ data: calibration(), maxTokens: 256, ...options }).run({ model: original }, context);
    expect(Math.abs((await nllOf(model, context)) / expected - 1)).toBeLessThan(0.003);
    expect(events.filter(({ type }) => type === "fallback")).toEqual([]);
  });

  it("loses layers, each as bad as is known", async () => {
    const { context, original } = await open();
    const { sequences } = await prepareSequences(original, { data: calibration(), maxTokens: 256 }, context);
    const influence = (await blockInfluence({ model: original, sequences, batch: 16, context })).get("layers")!;
    [0.225, 0.152, 0.123, 0.128, 0.148].forEach((expected, layer) => expect(influence[layer]).toBeCloseTo(expected, 3));
    for (const [layer, expected] of [4.874, 2.594, 2.08, 2.204, 2.314].entries()) {
      const { model } = await layers({ remove: [layer] }).run({ model: original }, context);
      expect(Math.abs((await nllOf(model, context)) - expected)).toBeLessThan(0.004);
    }
  });

  it("loses feed-forward neurons of little output better than any", async () => {
    const { context, original } = await open();
    const least = await neurons({ fraction: 0.25, data: calibration(), maxTokens: 256 }).run({ model: original }, context);
    const any = await neurons({ fraction: 0.25, score: "random" }).run({ model: original }, context);
    expect(least.model.weights.get("layers.0.feedForward.gate")!.shape).toEqual([129, 64]);
    expect(Math.abs((await nllOf(least.model, context)) / 2.123 - 1)).toBeLessThan(0.003);
    expect(await nllOf(any.model, context)).toBeGreaterThan(2.4);
  });

  it("loses heads by their importance on 64 other stories", async () => {
    const { context, original } = await open();
    const { importance } = await measureHeads({ data: calibration(), maxTokens: 256 }).run({ model: original }, context);
    for (const [fraction, expected] of [
      [0.1, 1.369],
      [0.2, 1.412],
      [0.3, 1.497],
    ] as const) {
      const state = { model: original, importance };
      const { model } = await heads({ fraction }).run(state, context);
      expect(Math.abs((await nllOf(model, context)) - expected)).toBeLessThan(0.004);
    }
  });
});
