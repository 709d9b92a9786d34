/** The figures that a reference implementation measured on a real model, by the same protocol: 60 stories, 13,622 predictions. */
import { gptq, roundToNearest, type GptqOptions, type RoundToNearestOptions } from "@pare/quantize";
import { describe, expect, it } from "vitest";
import { calibration, nllOf, open, present } from "../../training/test/stories260k.ts";

describe.skipIf(!present)("stories260K, rounded", () => {
  const rows: readonly [number, RoundToNearestOptions][] = [
    [1.3379, { bits: 8, embeddings: true }],
    [1.3444, { bits: 6, embeddings: true }],
    [1.5514, { bits: 4, embeddings: true }],
    [3.567, { bits: 3, embeddings: true }],
    [1.3376, { bits: 8 }],
    [1.4732, { bits: 4, granularity: "group", groupSize: 32 }],
  ];

  it.each(rows)("has NLL %d under %o", async (expected, options) => {
    const { context, original, events } = await open();
    const { model } = await roundToNearest(options).run({ model: original }, context);
    expect(Math.abs((await nllOf(model, context)) - expected)).toBeLessThan(0.004);
    expect(events.filter(({ type }) => type === "fallback")).toEqual([]);
  });

  const calibrated: readonly [number, Partial<GptqOptions>][] = [
    [1.4522, { bits: 4, activationOrder: false }],
    [1.4337, { bits: 4 }],
    [1.4134, { bits: 4, granularity: "group", activationOrder: false }],
    [1.4028, { bits: 4, granularity: "group" }],
    [2.4735, { bits: 3 }],
  ];

  it.each(calibrated)("has NLL %d, or little more, after GPTQ with %o", async (expected, options) => {
    const { context, original, events } = await open();
    const { model } = await gptq({ bits: 4, data: calibration(), maxTokens: 256, ...options }).run({ model: original }, context);
    expect(await nllOf(model, context)).toBeLessThan(1.02 * expected);
    expect(events.filter(({ type }) => type === "fallback")).toEqual([]);
  });
});
