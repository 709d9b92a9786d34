import type { Checkpoint } from "@pare/models";
import { finetune } from "@pare/training";
import { describe, expect, it } from "vitest";
import { LINES, logitsOf, toyContext, toyModel, withQuantized, type ToyConfig } from "@pare/training/testing";
import { headGates, type HeadGatesOptions } from "./head-gates.ts";

const QUICK = { data: LINES, steps: 20, batch: 8, learningRate: 0.01 } as const;

async function gated(options: Partial<HeadGatesOptions>, model: Checkpoint = toyModel()) {
  const context = await toyContext({ plugins: [finetune] });
  const after = await headGates({ ...QUICK, penalty: 0, ...options }).run({ model }, context);
  const gates = context.events.flatMap((event) =>
    event.type === "metric" && event["name"] === "gates" ? [event["values"] as number[]] : [],
  );
  return { model: after.model, gates };
}

const headsOf = ({ config }: Checkpoint): readonly (readonly number[])[] => (config as ToyConfig).heads;

describe("prune/head-gates", () => {
  it("removes the heads whose gates closed, with their rows and columns", async () => {
    const { model, gates } = await gated({ penalty: 2, start: 0, steps: 40 });
    const open = gates.map((values) => values.filter((gate) => gate > 0).length);
    expect(headsOf(model).map(({ length }) => length)).toEqual(open.map((count) => Math.max(1, count)));
    expect(open.reduce((sum, count) => sum + count)).toBeLessThan(8);
    headsOf(model).forEach((heads, layer) => {
      expect(model.weights.get(`layers.${layer}.output`)!.shape).toEqual([16, 4 * heads.length]);
      expect(model.weights.get(`layers.${layer}.key`)!.shape).toEqual([4 * new Set(heads).size, 16]);
    });
    expect(model.provenance.deeds.map(({ use }) => use)).toEqual(["prune/head-gates"]);
    expect((await logitsOf(model, [1, 5, 6])).every(Number.isFinite)).toBe(true);
  });

  it("keeps a head in every layer, however dear they are", async () => {
    const { model } = await gated({ penalty: 1000, start: 0 });
    expect(headsOf(model)).toEqual([[0], [0]]);
  });

  it("leaves a model that does what it did with the gates as factors", async () => {
    // So small a rate that nothing moves but by the gates: each output column times its gate.
    const still = { steps: 1, learningRate: 1e-12, weightDecay: 0, start: 0.4 };
    const { model, gates } = await gated(still);
    const gate = 1.2 / (1 + Math.exp(-0.4)) - 0.1;
    for (const values of gates) for (const value of values) expect(value).toBeCloseTo(gate, 5);
    const [before, after] = [toyModel(), model].map((one) => one.weights.get("layers.0.output")!);
    const [old, now] = [(await before.dense()).data as Float32Array, (await after.dense()).data as Float32Array];
    old.forEach((value, at) => expect(now[at]).toBeCloseTo(value * gate, 5));
  });

  it("retrains what is left and refuses quantized weights", async () => {
    const retrain = { use: "train/finetune", data: LINES, steps: 2 };
    const { model } = await gated({ penalty: 1000, start: 0, retrain });
    expect(model.provenance.deeds.map(({ use }) => use)).toEqual(["prune/head-gates", "train/finetune"]);
    await expect(gated({}, withQuantized(toyModel(), "layers.1.output"))).rejects.toMatchObject({ code: "prune/quantized-weight" });
  });
});
