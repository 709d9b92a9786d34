import type { Checkpoint } from "@pare/models";
import { nextToken, prepareSequences } from "@pare/training";
import { describe, expect, it } from "vitest";
import { LINES, toyContext, toyModel } from "@pare/training/testing";
import { heldOutLoss } from "./held-out-loss.ts";
import { layerShortcuts } from "./layer-shortcuts.ts";
import { layers } from "./layers.ts";

async function lossOf(model: Checkpoint): Promise<number> {
  const context = await toyContext();
  const { sequences } = await prepareSequences(model, { data: LINES }, context);
  return heldOutLoss({ model, models: {}, objective: nextToken(), sequences, batch: 8, context, use: "test" });
}

describe("the suite layer-shortcuts", () => {
  it("measures every layer with and without its residual path", async () => {
    const model = toyModel();
    const context = await toyContext();
    const report = await layerShortcuts.run(model, { data: LINES, batch: 8 }, context);
    expect(report.metrics["loss"]).toBeCloseTo(await lossOf(model), 5);
    expect(report.layers.map(({ layer }) => layer)).toEqual(["layers.0", "layers.1"]);
    for (const [index, { removed, removedWithShortcut, shortcutRemoved }] of report.layers.entries()) {
      const { model: shorter } = await layers({ remove: [index] }).run({ model }, context);
      expect(removed).toBeCloseTo(await lossOf(shorter), 5);
      for (const other of [removedWithShortcut, shortcutRemoved]) expect(Math.abs(other - removed)).toBeGreaterThan(1e-3);
    }
    // After the last layer nothing is left to say: every token is as likely as any other.
    expect(report.layers[1].removedWithShortcut).toBeCloseTo(Math.log(30), 4);
    const mean = (report.layers[0].removed + report.layers[1].removed) / 2;
    expect(report.metrics["removed"]).toBeCloseTo(mean, 10);
  });
});
