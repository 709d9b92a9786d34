import {
  bert,
  bertConfig,
  createModel,
  encoderDecoder,
  encoderDecoderConfig,
  forwardGraph,
  gpt2,
  gpt2Config,
  llama,
  llamaConfig,
  padRows,
  t5,
  t5Config,
  withWeights,
  type Checkpoint,
} from "@pare/models";
import { denseOf, f32 } from "@pare/tensor-core";

import { finetune } from "@pare/training";
import { describe, expect, it } from "vitest";
import { letters, LINES, logitsOf, outputsOf, toyArchitecture, toyContext, toyModel, withQuantized } from "@pare/training/testing";
import { fused, fusedModel } from "../test/fused.ts";
import { magnitude } from "./magnitude.ts";
import { width, type WidthOptions } from "./width.ts";

const TOKENS = [1, 5, 9, 20, 7, 8];
const PLUGINS = [llama, gpt2, bert, t5, encoderDecoder, fused, finetune];
const shape = { vocabularySize: 30, contextLength: 16, hiddenSize: 8, layers: 2, heads: 2, feedForward: 12 };

async function narrower(options: WidthOptions, model: Checkpoint = toyModel()): Promise<Checkpoint> {
  return (await width(options).run({ model }, await toyContext({ plugins: PLUGINS }))).model;
}

/** Logits of the toy with gates on the channels of the whole stream. */
async function gated(gate: readonly number[]): Promise<Float32Array> {
  const sites = Object.fromEntries(["embedding", "layers.0", "layers.1"].map((site) => [site, { gate: { input: "gate" } }]));
  const { logits } = await outputsOf(toyArchitecture.define, toyModel(), { ...padRows([TOKENS]), gate: f32([gate.length], gate) }, sites);
  return logits.data as Float32Array;
}

/** The toy with these channels so faint that all scores but the random one take them first. */
async function faint(channels: readonly number[]): Promise<Checkpoint> {
  const model = toyModel();
  const changes = [...model.weights].map(async ([name, stored]) => {
    const { data, shape: of } = await stored.dense();
    const columns = of[1] ?? 1;
    const along = name.endsWith("output") || of.length === 1 ? 0 : 1;
    const place = (index: number): number => (along === 0 ? Math.floor(index / columns) : index % columns);
    const values = (data as Float32Array).map((value, index) => (channels.includes(place(index)) ? value * 1e-3 : value));
    return [name, denseOf(f32(of, values))] as const;
  });
  return withWeights(model, await Promise.all(changes));
}

describe("prune/width", () => {
  it("computes what the whole model does with those channels shut", async () => {
    const model = await narrower({ size: 12, score: "magnitude" });
    expect(model.config["width"]).toBe(12);
    const whole = (await toyModel().weights.get("embedding")!.dense()).data as Float32Array;
    const left = (await model.weights.get("embedding")!.dense()).data as Float32Array;
    const kept = Array.from({ length: 12 }, (_, index) => whole.subarray(0, 16).indexOf(left[index]));
    const expected = await gated(Array.from({ length: 16 }, (_, channel) => (kept.includes(channel) ? 1 : 0)));
    // The norm's mean is over 12 channels instead of 16.
    const norm = (await model.weights.get("norm")!.dense()).data as Float32Array;
    const scaled = withWeights(model, [
      [
        "norm",
        denseOf(
          f32(
            [12],
            norm.map((value) => value * Math.sqrt(16 / 12)),
          ),
        ),
      ],
    ]);
    (await logitsOf(scaled, TOKENS)).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 4));
    expect(model.provenance.deeds).toMatchObject([{ use: "prune/width", options: { size: 12, score: "magnitude" } }]);
  });

  it.each(["activation", "taylor", "magnitude"] as const)("takes the faintest channels by %s", async (score) => {
    const options = score === "magnitude" ? { score } : { score, data: LINES };
    const before = await faint([2, 3, 11]);
    const model = await narrower({ size: 13, ...options }, before);
    const expected = [0, 1, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15];
    const whole = (await before.weights.get("embedding")!.dense()).data as Float32Array;
    const left = (await model.weights.get("embedding")!.dense()).data as Float32Array;
    expect([...left.subarray(0, 13)]).toEqual(expected.map((channel) => whole[channel]));
    expect(model.provenance.seen).toHaveLength(score === "magnitude" ? 0 : 1);
  });

  it("leaves weights as every architecture's config says, a task's own hidden layer among them", async () => {
    const models = [
      createModel(llama.define, llamaConfig({ ...shape, headNorms: true, tied: false }), { seed: 1, tokenizer: letters }),
      createModel(gpt2.define, gpt2Config(shape), { seed: 1, tokenizer: letters }),
      createModel(t5.define, t5Config(shape), { seed: 1, tokenizer: letters }),
      createModel(encoderDecoder.define, encoderDecoderConfig({ ...shape, encoderLayers: 1, decoderLayers: 2 }), {
        seed: 1,
        tokenizer: letters,
      }),
      createModel(
        bert.define,
        bertConfig({ ...shape, head: { task: "sequence-classification", labels: ["a", "b"], kind: "single", activation: "tanh" } }),
        { seed: 1, tokenizer: letters },
      ),
      fusedModel(),
    ];
    for (const model of models) {
      const narrow = await narrower({ fraction: 0.25, score: "magnitude" }, model);
      const architecture = PLUGINS.find(({ id }) => id === model.config.architecture) as typeof llama;
      for (const { name, shape: of } of architecture.define.weights(narrow.config))
        expect(narrow.weights.get(name)!.shape, name).toEqual(of);
      expect(architecture.define.hidden!(narrow.config).size).toBe(6);
      expect(() => forwardGraph(architecture.define, narrow.config)).not.toThrow();
    }
  });

  it("keeps masks and sparse storages, draws by seed alone, and retrains what is left", async () => {
    const context = await toyContext({ plugins: PLUGINS });
    const { model } = await magnitude({ sparsity: 0.5, storage: "sparse" }).run({ model: toyModel() }, context);
    const narrow = await narrower({ fraction: 0.5, score: "random" }, model);
    expect(narrow.weights.get("layers.0.query")).toMatchObject({ storage: "sparse/csr", shape: [16, 8] });
    expect(await narrow.hash()).toBe(await (await narrower({ fraction: 0.5, score: "random" }, model)).hash());
    const trained = await narrower({ fraction: 0.5, score: "random", retrain: { use: "train/finetune", data: LINES, steps: 2 } });
    expect(trained.provenance.deeds.map(({ use }) => use)).toEqual(["prune/width", "train/finetune"]);
  });

  it("refuses what it cannot make narrower and options that would do nothing", async () => {
    await expect(narrower({ size: 17, score: "random" })).rejects.toMatchObject({ code: "prune/width-invalid" });
    await expect(narrower({ size: 8, score: "random" }, withQuantized(toyModel(), "layers.0.query"))).rejects.toMatchObject({
      code: "prune/quantized-weight",
    });
    const { hidden: _hidden, ...rest } = toyArchitecture.define;
    const fixed = { ...toyArchitecture, define: rest, id: "fixed" };
    const model = { ...toyModel(), config: { ...toyModel().config, architecture: "fixed" } };
    const context = await toyContext({ plugins: [fixed] });
    await expect(width({ size: 8 }).run({ model }, context)).rejects.toMatchObject({ code: "prune/width-fixed" });
    expect(() => width({})).toThrow(/one of/);
    expect(() => width({ size: 8, score: "activation" })).toThrow(/read data/);
    expect(() => width({ size: 8, score: "random", data: LINES })).toThrow(/read data/);
  });
});
