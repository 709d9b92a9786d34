import type { Checkpoint } from "@pare/models";
import { finetune, nextToken, prepareSequences } from "@pare/training";
import { describe, expect, it } from "vitest";
import { LINES, toyContext, toyModel, type ToyConfig } from "@pare/training/testing";
import { heldOutLoss } from "./held-out-loss.ts";
import { layerDrop } from "./layerdrop.ts";
import { layers } from "./layers.ts";

const DEEP: Partial<ToyConfig> = {
  heads: [
    [0, 0],
    [0, 1],
    [0, 0],
    [0, 1],
  ],
};
const QUICK = { data: LINES, steps: 60, batch: 8, learningRate: 0.02 } as const;

async function lossOf(model: Checkpoint): Promise<number> {
  const context = await toyContext();
  const { sequences } = await prepareSequences(model, { data: LINES }, context);
  return heldOutLoss({ model, models: {}, objective: nextToken(), sequences, batch: 8, context, use: "test" });
}

async function halved(model: Checkpoint): Promise<Checkpoint> {
  return (await layers({ count: 2, score: "every-other" }).run({ model }, await toyContext())).model;
}

describe("prune/layerdrop", () => {
  it("trains a model that loses every other layer at less cost than one that was trained whole", async () => {
    const context = await toyContext();
    const { model: plain } = await finetune(QUICK).run({ model: toyModel(DEEP) }, context);
    const { model: dropped } = await layerDrop({ ...QUICK, rate: 0.5 }).run({ model: toyModel(DEEP) }, context);
    expect(dropped.config).toEqual(plain.config);
    const cost = async (model: Checkpoint): Promise<number> => (await lossOf(await halved(model))) - (await lossOf(model));
    expect(await cost(dropped)).toBeLessThan((await cost(plain)) / 2);
    expect(dropped.provenance).toMatchObject({ deeds: [{ use: "prune/layerdrop", options: { rate: 0.5 } }], seen: [{ data: "text" }] });
  });

  it("at rate 0 is plain training, and the seed alone decides what is left out", async () => {
    const context = await toyContext();
    const short = { ...QUICK, steps: 4 };
    const { model: plain } = await finetune(short).run({ model: toyModel(DEEP) }, context);
    const whole = await layerDrop({ ...short, rate: 0 }).run({ model: toyModel(DEEP) }, context);
    const values = async (model: Checkpoint): Promise<Float32Array> =>
      (await model.weights.get("layers.2.value")!.dense()).data as Float32Array;
    const [a, b] = [await values(plain), await values(whole.model)];
    a.forEach((value, at) => expect(b[at]).toBeCloseTo(value, 4));
    const hashes = [5, 5, 6].map(async (seed) =>
      (await layerDrop({ ...short, rate: 0.5 }).run({ model: toyModel(DEEP) }, await toyContext({ seed }))).model.hash(),
    );
    const [one, again, other] = await Promise.all(hashes);
    expect(again).toBe(one);
    expect(other).not.toBe(one);
  });
});
