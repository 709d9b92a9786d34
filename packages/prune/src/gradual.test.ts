import { memoryFiles, type MutableFileSet, type RunEvent } from "@pare/core";
import { finetune } from "@pare/training";
import { describe, expect, it } from "vitest";
import { LINES, toyContext, toyModel, type ToyConfig } from "@pare/training/testing";
import { gradual, type GradualOptions } from "./gradual.ts";
import { heads } from "./heads.ts";
import { magnitude } from "./magnitude.ts";

const WEIGHT = "layers.0.query";
const RETRAIN = { use: "train/finetune", data: LINES, steps: 2, batch: 8 };

async function run(options: GradualOptions, scratch?: MutableFileSet) {
  const context = await toyContext({ plugins: [magnitude, heads, finetune], scratch });
  const { model } = await gradual(options).run({ model: toyModel() }, context);
  return { model, context };
}

describe("prune/gradual", () => {
  it("follows the cubic schedule to its end, training in between", async () => {
    const { model, context } = await run({ prune: { use: "prune/magnitude" }, from: 0.1, to: 0.7, rounds: 3, retrain: RETRAIN });
    const deeds = model.provenance.deeds;
    expect(deeds.map(({ use }) => use)).toEqual([1, 2, 3].flatMap(() => ["prune/magnitude", "train/finetune"]));
    const shares = deeds.flatMap(({ options }) => (options as { sparsity?: number }).sparsity ?? []);
    [1, 2, 3].forEach((round) => expect(shares[round - 1]).toBeCloseTo(0.7 - 0.6 * (1 - round / 3) ** 3, 12));
    const mask = (await model.weights.get(WEIGHT)!.mask!()).data as Uint8Array;
    expect(mask.filter((bit) => bit === 0)).toHaveLength(Math.floor(256 * 0.7));
    expect(context.events.filter(({ type }) => type === "metric").some((event) => (event as { round?: number }).round === 3)).toBe(true);
  });

  it("in one round is the stage itself", async () => {
    const { model } = await run({ prune: { use: "prune/magnitude", scope: "row" }, to: 0.5, rounds: 1 });
    const { model: expected } = await magnitude({ sparsity: 0.5, scope: "row" }).run({ model: toyModel() }, await toyContext());
    expect(await model.hash()).toBe(await expected.hash());
  });

  it("takes heads away a few at a time, each time of those that are left", async () => {
    const { model } = await run({ prune: { use: "prune/heads", data: LINES, examples: 4 }, share: "fraction", to: 0.5, rounds: 3 });
    expect((model.config as ToyConfig).heads.flat()).toHaveLength(4);
    // Three, then one of five; the last share is less than half a head.
    expect(model.provenance.deeds.map(({ use }) => use)).toEqual(["prune/heads", "prune/heads"]);
  });

  it("goes on where it was cut off, every round from a snapshot of its own, and ends in the same bytes", async () => {
    const options = { prune: { use: "prune/magnitude" }, to: 0.5, rounds: 2, retrain: { ...RETRAIN, steps: 6 } };
    const scratch = memoryFiles();
    let round = 0;
    const cutOff = (event: RunEvent): boolean => {
      if (event.type === "metric" && event["round"] !== undefined) round = event["round"] as number;
      return round === 2 && event.type === "metric" && event["loss"] !== undefined;
    };
    const context = await toyContext({ plugins: [magnitude, finetune], scratch, cutOff });
    await expect(gradual(options).run({ model: toyModel() }, context)).rejects.toThrow("cut off");
    expect(await scratch.list()).toEqual(["round-2/retrain/training.snapshot"]);
    const { model } = await run(options, scratch);
    expect(await model.hash()).toBe(await (await run(options)).model.hash());
  });

  it("refuses options that contradict each other, and stages that nobody knows", async () => {
    const prune = { use: "prune/magnitude" };
    expect(() => gradual({ prune, from: 0.6, to: 0.5, rounds: 2 })).toThrow(/`from` is less than `to`/);
    expect(() => gradual({ prune: { ...prune, sparsity: 0.5 }, to: 0.5, rounds: 2 })).toThrow(/the schedule gives the share/);
    expect(() => gradual({ prune: { ...prune, retrain: RETRAIN }, to: 0.5, rounds: 2 })).toThrow(/stands beside/);
    await expect(run({ prune: { use: "prune/magnitud" }, to: 0.5, rounds: 1 })).rejects.toThrow(/core\/plugin-unknown/);
  });
});
