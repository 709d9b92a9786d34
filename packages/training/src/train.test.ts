import { memoryFiles, type Context } from "@pare/core";
import { withWeights, type Checkpoint } from "@pare/models";
import { denseOf, f32, mul, type StoredWeight } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { encodeExample } from "./encode.ts";
import { writtenSequence } from "./sequence.ts";
import { finetune } from "./finetune.ts";
import { nextToken } from "./objectives/next-token.ts";
import { prepareSequences } from "./sequences.ts";
import { trainFields } from "./settings.ts";
import { letters, LINES, toyContext, toyModel, withQuantized } from "./testing/toy.ts";
import { train, type LossPoint } from "./train.ts";
import { trainAll, type TrainableView, type Views } from "./view.ts";

const QUICK = { data: LINES, steps: 40, batch: 8, learningRate: 0.02, warmup: 2 } as const;

function losses(events: readonly { readonly type: string }[]): number[] {
  return events.flatMap((event) => (event.type === "metric" ? [(event as unknown as LossPoint).loss] : []));
}

async function tune(
  context: Context,
  model: Checkpoint = toyModel(),
  options: Parameters<typeof finetune>[0] = QUICK,
): Promise<Checkpoint> {
  return (await finetune(options).run({ model }, context)).model;
}

describe("train/finetune", () => {
  it("makes the loss fall, and remembers what the model saw and what was done to it", async () => {
    const context = await toyContext();
    const model = await tune(context);
    const found = losses(context.events);
    expect(found[0]).toBeGreaterThan(3);
    expect(found.at(-1)!).toBeLessThan(1.6);
    expect(model.provenance.seen?.map(({ data, examples }) => [data, examples.length])).toEqual([["text", 24]]);
    expect(model.provenance.deeds).toMatchObject([
      { use: "train/finetune", version: 2, seed: 5, options: { steps: 40, batch: 8, weightDecay: 0.01 } },
    ]);
    expect(context.events.filter(({ type }) => type === "progress")).toHaveLength(40);
  });

  it("gives the same bytes for the same seed, others for another", async () => {
    const options = { ...QUICK, steps: 5 };
    const first = await (await tune(await toyContext(), undefined, options)).hash();
    expect(await (await tune(await toyContext(), undefined, options)).hash()).toBe(first);
    expect(await (await tune(await toyContext({ seed: 6 }), undefined, options)).hash()).not.toBe(first);
  });

  it("goes on after being cut off and gives the same bytes", async () => {
    const options = { ...QUICK, steps: 12 };
    const whole = await toyContext();
    const expected = await (await tune(whole, undefined, options)).hash();
    const scratch = memoryFiles();
    const cut = await toyContext({ scratch, cutOff: (event) => event.type === "progress" && event.progress.done === 7 });
    await expect(tune(cut, undefined, options)).rejects.toThrow("cut off");
    expect(await scratch.list()).toEqual(["training.snapshot"]);
    const resumed = await toyContext({ scratch });
    expect(await (await tune(resumed, undefined, options)).hash()).toBe(expected);
    expect(resumed.events.filter(({ type }) => type === "progress")).toHaveLength(5);
    expect([...losses(cut.events), ...losses(resumed.events)]).toEqual(losses(whole.events));
  });

  it("keeps pruned entries at exactly 0 and moves the others", async () => {
    const before = toyModel();
    const { shape, dense } = before.weights.get("layers.0.query")!;
    const values = (await dense()).data as Float32Array;
    const mask = Uint8Array.from(values, (_, index) => (index % 3 === 0 ? 0 : 1));
    const pruned = denseOf(
      f32(
        shape,
        values.map((value, index) => (mask[index] === 0 ? 0 : value)),
      ),
      { dtype: "u8", shape, data: mask },
    );
    const model = await tune(await toyContext(), withWeights(before, [["layers.0.query", pruned]]), {
      ...QUICK,
      steps: 5,
      weightDecay: 0.1,
    });
    const after = model.weights.get("layers.0.query")!;
    expect((await after.mask!()).data).toEqual(mask);
    ((await after.dense()).data as Float32Array).forEach((value, index) => {
      if (mask[index] === 0) expect(value).toBe(0);
      else expect(value).not.toBe(values[index]);
    });
  });

  it("takes the same steps in passes over parts of the batch", async () => {
    const options = { ...QUICK, steps: 12, batch: 7 };
    const [whole, parts] = [await toyContext(), await toyContext()];
    const [expected, found] = [await tune(whole, undefined, options), await tune(parts, undefined, { ...options, accumulate: 3 })];
    const [before, after] = [losses(whole.events), losses(parts.events)];
    // Sums of f32 in another order, twelve steps long.
    after.forEach((loss, step) => expect(Math.abs(loss - before[step]!)).toBeLessThan(2e-5 * before[step]!));
    for (const [name, weight] of expected.weights) {
      const [a, b] = [(await weight.dense()).data, (await found.weights.get(name)!.dense()).data];
      a.forEach((value, index) => expect(Math.abs(Number(b[index]) - Number(value))).toBeLessThan(2e-4));
    }
  });

  it("goes on in parts after being cut off and gives the same bytes", async () => {
    const options = { ...QUICK, steps: 6, accumulate: 4, remat: true };
    const expected = await (await tune(await toyContext(), undefined, options)).hash();
    const scratch = memoryFiles();
    const cut = await toyContext({ scratch, cutOff: (event) => event.type === "progress" && event.progress.done === 3 });
    await expect(tune(cut, undefined, options)).rejects.toThrow("cut off");
    expect(await (await tune(await toyContext({ scratch }), undefined, options)).hash()).toBe(expected);
  });

  it("gives the same bytes where activations are computed anew", async () => {
    const options = { ...QUICK, steps: 6 };
    const [kept, anew] = [
      await tune(await toyContext(), undefined, options),
      await tune(await toyContext(), undefined, { ...options, remat: true }),
    ];
    for (const [name, weight] of kept.weights) expect(await anew.weights.get(name)!.dense()).toEqual(await weight.dense());
  });

  it("asks the context's chooser nothing, so that its bytes do not depend on timings", async () => {
    const name = "layers.0.query";
    const chooser = () => expect.unreachable("training has asked a chooser");
    const context = await toyContext();
    const subject = withQuantized(toyModel(), name);
    const sequences = LINES.text.split("\n").map((target) => writtenSequence(encodeExample(letters, "decoder", { target })));
    const views: Views = (spec, stored) => (spec.name === name ? "frozen" : trainAll(spec, stored));
    const settings = z.object(trainFields).parse({ steps: 2 });
    await train({ model: subject, objective: nextToken(), sequences, settings, views, context: { ...context, chooser } });
    expect(context.events).toContainEqual(expect.objectContaining({ type: "choice", what: `${name} linear` }));
  });

  it("refuses to train a quantized weight", async () => {
    await expect(tune(await toyContext(), withQuantized(toyModel(), "layers.0.query"))).rejects.toMatchObject({
      code: "tensor-core/quantized-training",
    });
  });

  it("trains what its views choose and leaves the rest in its own storage", async () => {
    const model = withQuantized(toyModel(), "layers.0.query");
    const context = await toyContext();
    const { sequences } = await prepareSequences(model, { data: LINES }, context);
    const settings = {
      steps: 4,
      batch: 8,
      accumulate: 1,
      remat: false,
      learningRate: 0.02,
      schedule: "constant",
      warmup: 0,
      weightDecay: 0,
      clip: 1,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
    } as const;
    const done: number[] = [];
    const { weights, losses } = await train({
      model,
      objective: nextToken(),
      sequences,
      settings,
      context,
      views: (spec, stored) => (spec.name === "embedding" ? doubled(stored) : spec.name === "norm" ? trainAll(spec, stored) : "frozen"),
      onStep: (step) => void done.push(step.done),
    });
    expect([...weights.keys()]).toEqual(["embedding", "norm"]);
    expect(done).toEqual([1, 2, 3, 4]);
    expect(losses.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    const [before, after] = [model.weights.get("embedding")!, weights.get("embedding")!];
    expect((await after.dense()).data).not.toEqual((await before.dense()).data);
    expect(losses[3].loss).toBeLessThan(losses[0].loss);
  });

  it("cuts examples to the model's context, and says so where nobody asked for it", async () => {
    const context = await toyContext();
    // The last token of a text is predicted and not read.
    const longest = async (model: Checkpoint, maxTokens?: number) =>
      1 + Math.max(...(await prepareSequences(model, { data: LINES, maxTokens }, context)).sequences.map(({ tokens }) => tokens.length));
    const warnings = () => context.events.filter(({ type }) => type === "warning");
    expect(await longest(toyModel())).toBe(13);
    expect(await longest(toyModel({ contextLength: 9 }), 9)).toBe(9);
    expect(warnings()).toEqual([]);
    expect(await longest(toyModel({ contextLength: 9 }))).toBe(9);
    expect(warnings()).toMatchObject([{ message: expect.stringContaining("of 24 examples of text were cut to the model's 9 tokens") }]);
  });

  it("says when the loss is no longer a number", async () => {
    await expect(tune(await toyContext(), undefined, { ...QUICK, learningRate: 1e30, clip: 0 })).rejects.toMatchObject({
      code: "training/diverged",
    });
  });

  it("checks options at once", () => {
    expect(() => finetune({ data: LINES })).toThrow(/give one of `steps` and `epochs`/);
    expect(() => finetune({ ...QUICK, batch: 0 })).toThrow(/core\/options-invalid/);
    expect(() => finetune({ ...QUICK, lerningRate: 1 } as never)).toThrow(/learningRate/);
  });

  it("names what is missing", async () => {
    const context = await toyContext();
    await expect(tune({ ...context, device: undefined })).rejects.toMatchObject({ code: "training/device-missing" });
    await expect(tune(context, { ...toyModel(), tokenizer: undefined })).rejects.toMatchObject({ code: "training/tokenizer-incomplete" });
    await expect(tune(context, undefined, { ...QUICK, data: { use: "texts" } })).rejects.toMatchObject({ code: "core/plugin-unknown" });
    await expect(tune(context, undefined, { ...QUICK, objective: { use: "next" } })).rejects.toMatchObject({ code: "core/plugin-unknown" });
    const taught = { ...nextToken(), use: "taught", models: ["teacher"] };
    await expect(tune(context, undefined, { ...QUICK, objective: taught })).rejects.toMatchObject({
      code: "training/model-missing",
      report: { field: "teacher", found: "model" },
    });
  });
});

/** A view: the weight as twice a leaf that starts at half of it. */
function doubled(stored: StoredWeight): TrainableView {
  const half = async () =>
    f32(
      stored.shape,
      ((await stored.dense()).data as Float32Array).map((value) => value / 2),
    );
  return {
    leaves: { half: { shape: stored.shape, initial: half, group: "plain" } },
    value: (leaf) => mul(leaf("half"), 2),
    finalise: async (leaf) =>
      denseOf(
        f32(
          stored.shape,
          ((await leaf("half")).data as Float32Array).map((value) => value * 2),
        ),
      ),
  };
}
