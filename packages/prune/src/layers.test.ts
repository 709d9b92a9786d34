import { createModel, encoderDecoder, encoderDecoderConfig, forwardGraph, padRows, withWeights, type Checkpoint } from "@pare/models";
import { compile, createStore, denseOf, f32, openReference } from "@pare/tensor-core";
import { finetune, prepareSequences, type Sequence } from "@pare/training";
import { describe, expect, it } from "vitest";
import { LINES, letters, logitsOf, toyArchitecture, toyContext, toyModel, type ToyConfig } from "@pare/training/testing";
import { blockInfluence } from "./block-influence.ts";
import { layers, type LayersOptions } from "./layers.ts";

const TOKENS = [1, 5, 9, 20, 7, 8];
const LAYER = [0, 0, 1, 1];
const six = (): Checkpoint => toyModel({ heads: [LAYER, LAYER, LAYER, LAYER, LAYER, LAYER] });

async function shorter(options: LayersOptions, model: Checkpoint = six()): Promise<Checkpoint> {
  return (await layers(options).run({ model }, await toyContext())).model;
}

/** Which layers of `six` a model consists of. */
function originOf(model: Checkpoint, whole: Checkpoint): number[] {
  return (model.config as ToyConfig).heads.map((_, at) =>
    [0, 1, 2, 3, 4, 5].findIndex((layer) => whole.weights.get(`layers.${layer}.query`) === model.weights.get(`layers.${at}.query`)),
  );
}

/** The model with the branch of one layer scaled. */
async function withOutput(model: Checkpoint, layer: number, scale: number): Promise<Checkpoint> {
  const name = `layers.${layer}.output`;
  const { data, shape } = await model.weights.get(name)!.dense();
  const values = (data as Float32Array).map((value) => value * scale);
  return withWeights(model, [[name, denseOf(f32(shape, values))]]);
}

/** Mean over the predicted tokens of −log p. */
async function lossOf(model: Checkpoint, sequences: readonly Sequence[]): Promise<number> {
  let total = 0;
  let predictions = 0;
  for (const { tokens, targets } of sequences) {
    const logits = await logitsOf(model, tokens);
    for (const [at, target] of targets.entries()) {
      const row = [...logits.subarray(at * 30, (at + 1) * 30)];
      total += Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0)) - row[target];
      predictions++;
    }
  }
  return total / predictions;
}

describe("prune/layers", () => {
  it("computes what the whole model does with those layers passing through", async () => {
    const whole = six();
    const model = await shorter({ remove: [1, 4] }, whole);
    expect(originOf(model, whole)).toEqual([0, 2, 3, 5]);
    expect([...model.weights.keys()].filter((name) => name.startsWith("layers."))).toHaveLength(16);
    const silent = await withOutput(await withOutput(whole, 1, 0), 4, 0);
    const expected = await logitsOf(silent, TOKENS);
    (await logitsOf(model, TOKENS)).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
    expect(model.provenance.deeds).toMatchObject([{ use: "prune/layers", version: 1, options: { remove: [1, 4] } }]);
  });

  it("chooses by place without data, and says so", async () => {
    const whole = six();
    const kept = async (options: LayersOptions) => originOf(await shorter(options, whole), whole);
    expect(await kept({ count: 3, score: "every-other" })).toEqual([0, 2, 4]);
    expect(await kept({ fraction: 0.5, score: "top" })).toEqual([0, 1, 2]);
    expect(await kept({ count: 2, score: "bottom" })).toEqual([2, 3, 4, 5]);
    expect(await kept({ count: 0 })).toEqual([0, 1, 2, 3, 4, 5]);
    const context = await toyContext();
    await layers({ count: 1 }).run({ model: whole }, context);
    expect(context.events).toContainEqual({ type: "choice", what: "score of layers", chosen: "every-other", why: "no data is given" });
  });

  it("removes the layers that change what passes least", async () => {
    let whole = six();
    for (const layer of [2, 3]) whole = await withOutput(whole, layer, 1e-3);
    const model = await shorter({ count: 2, data: LINES }, whole);
    expect(originOf(model, whole)).toEqual([0, 1, 4, 5]);
    expect(model.provenance.seen).toMatchObject([{ data: "text" }]);
  });

  it("removes one after the other the layer without which the loss is least", async () => {
    const context = await toyContext();
    const whole = six();
    const { sequences } = await prepareSequences(whole, { data: LINES, examples: 4 }, context);
    const removed: number[] = [];
    for (let step = 0; step < 2; step++) {
      const losses: number[] = [];
      for (let layer = 0; layer < 6; layer++)
        losses.push(removed.includes(layer) ? Infinity : await lossOf(await shorter({ remove: [...removed, layer] }, whole), sequences));
      removed.push(losses.indexOf(Math.min(...losses)));
    }
    const { model } = await layers({ count: 2, score: "loss", data: LINES, examples: 4, batch: 3 }).run({ model: whole }, context);
    expect(originOf(model, whole)).toEqual([0, 1, 2, 3, 4, 5].filter((layer) => !removed.includes(layer)));
    const metrics = context.events.filter(({ type }) => type === "metric") as unknown as { removed: number[]; loss: number }[];
    expect(metrics).toHaveLength(6 + 5);
    for (const { removed: gone, loss } of metrics.slice(5, 7))
      expect(loss).toBeCloseTo(await lossOf(await shorter({ remove: gone }, whole), sequences), 4);
  });

  it("takes layers from the stack it is told to", async () => {
    const shape = { vocabularySize: 30, contextLength: 16, hiddenSize: 8, encoderLayers: 2, decoderLayers: 3, heads: 2, feedForward: 12 };
    const pair = createModel(encoderDecoder.define, encoderDecoderConfig(shape), { seed: 3, tokenizer: letters });
    const context = await toyContext({ plugins: [encoderDecoder] });
    const { model } = await layers({ remove: [1], stack: "decoder" }).run({ model: pair }, context);
    const specs = encoderDecoder.define.weights(model.config).map(({ name }) => name);
    expect([...model.weights.keys()].sort()).toEqual(specs.sort());
    expect(model.weights.get("decoder.1.attention.query")).toBe(pair.weights.get("decoder.2.attention.query"));
    await expect(layers({ remove: [0] }).run({ model: pair }, context)).rejects.toThrow(/prune\/stack-unknown/);
  });

  it("retrains what is left", async () => {
    const context = await toyContext({ plugins: [finetune] });
    const { model } = await layers({ count: 1, retrain: { use: "train/finetune", data: LINES, steps: 2 } }).run({ model: six() }, context);
    expect(model.provenance.deeds.map(({ use }) => use)).toEqual(["prune/layers", "train/finetune"]);
  });

  it("refuses what cannot be, and options that would do nothing", async () => {
    await expect(shorter({ count: 6 })).rejects.toMatchObject({ code: "prune/too-many-layers" });
    await expect(shorter({ remove: [0, 6] })).rejects.toMatchObject({ code: "prune/layer-unknown" });
    await expect(shorter({ count: 1, score: "loss" })).rejects.toMatchObject({ code: "prune/layer-data-missing" });
    await expect(shorter({ count: 1, stack: "encoder" })).rejects.toMatchObject({ code: "prune/stack-unknown" });
    expect(() => layers({})).toThrow(/give one of/);
    expect(() => layers({ remove: [0], score: "top" })).toThrow(/leave `score` out/);
    expect(() => layers({ count: 1, score: "top", data: LINES })).toThrow(/read data/);
    expect(() => layers({ count: 1, data: LINES, objective: { use: "next-token" } })).toThrow(/reads an objective/);
  });
});

describe("blockInfluence", () => {
  it("is one minus the mean cosine of what a layer reads and leaves, whatever the batch", async () => {
    const context = await toyContext();
    const model = toyModel();
    const { sequences } = await prepareSequences(model, { data: LINES, examples: 5 }, context);
    const found = (await blockInfluence({ model, sequences, batch: 2, context })).get("layers")!;
    const sites = Object.fromEntries(["embedding", "layers.0", "layers.1"].map((site) => [site, { tap: site }]));
    const store = createStore(openReference(), { weights: model.weights });
    const compiled = compile(
      forwardGraph(toyArchitecture.define, model.config, () => ({}), { sites }),
      { store },
    );
    const totals = [0, 0];
    let positions = 0;
    for (const { tokens } of sequences) {
      const { embedding, "layers.0": first, "layers.1": second } = await compiled.run(padRows([tokens]));
      positions += tokens.length;
      for (let at = 0; at < embedding.data.length; at += 16) {
        const row = ({ data }: typeof first): number[] => [...(data as Float32Array).subarray(at, at + 16)];
        totals[0] += 1 - cosine(row(embedding), row(first));
        totals[1] += 1 - cosine(row(first), row(second));
      }
    }
    await store.dispose();
    found.forEach((value, layer) => expect(value).toBeCloseTo(totals[layer] / positions, 5));
    const whole = (await blockInfluence({ model, sequences, batch: 5, context })).get("layers")!;
    whole.forEach((value, layer) => expect(value).toBeCloseTo(found[layer], 5));
  });
});

function cosine(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0) / Math.hypot(...a) / Math.hypot(...b);
}
