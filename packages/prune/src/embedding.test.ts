import { memoryFiles } from "@pare/core";
import {
  bert,
  bertConfig,
  createModel,
  encoderDecoder,
  encoderDecoderConfig,
  gpt2,
  gpt2Config,
  llama,
  llamaConfig,
  loadCheckpoint,
  padRows,
  saveHuggingFace,
  t5,
  t5Config,
  withWeights,
  wordTokenizer,
  type Architecture,
  type Checkpoint,
} from "@pare/models";
import { denseOf, denseStorage, f32, fork, normal } from "@pare/tensor-core";
import { finetune } from "@pare/training";
import { letters, outputsOf, toyContext, toyModel, withQuantized } from "@pare/training/testing";
import { describe, expect, it } from "vitest";
import { embedding } from "./embedding.ts";
import { width } from "./width.ts";

const shape = { vocabularySize: 40, contextLength: 16, hiddenSize: 8, layers: 1, heads: 2, feedForward: 12 };
const masked = { task: "masked-token", activation: "gelu", tied: true } as const;
const MODELS: readonly (readonly [string, Architecture, Checkpoint["config"]])[] = [
  ["llama", llama.define, llamaConfig(shape)],
  ["llama untied", llama.define, llamaConfig({ ...shape, tied: false })],
  ["gpt2", gpt2.define, gpt2Config(shape)],
  ["t5", t5.define, t5Config(shape)],
  ["encoder-decoder", encoderDecoder.define, encoderDecoderConfig({ ...shape, encoderLayers: 1, decoderLayers: 1 })],
  ["bert", bert.define, bertConfig(shape)],
  ["bert for masked tokens", bert.define, bertConfig({ ...shape, head: masked })],
];
const PLUGINS = [llama, gpt2, t5, encoderDecoder, bert, finetune, denseStorage];

/** A model whose embedding has rank 3. */
function ofRank3(architecture: Architecture, config: Checkpoint["config"]): Checkpoint {
  const model = createModel(architecture, config, { seed: 3, tokenizer: letters });
  const draw = normal(fork(2, "rank"), 0, 43 * 8);
  const values = Float32Array.from({ length: 40 * 8 }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < 3; k++) sum += draw[Math.floor(at / 8) * 3 + k] * draw[200 + k * 8 + (at % 8)];
    return sum / 3;
  });
  return withWeights(model, [["embedding", denseOf(f32([40, 8], values))]]);
}

async function factored(size: number, model: Checkpoint) {
  const context = await toyContext({ plugins: PLUGINS });
  return { ...(await embedding({ size }).run({ model }, context)), events: context.events };
}

async function outputOf(architecture: Architecture, model: Checkpoint): Promise<Float32Array> {
  const sources = architecture.encode === undefined ? undefined : [[4, 5, 6]];
  const extra = { tokenTypes: { otherwise: 0 } };
  const inputs = padRows([[1, 7, 39]], sources, architecture.tokenInputs === undefined ? {} : { extra });
  return (await outputsOf(architecture, model, inputs))["logits"].data as Float32Array;
}

describe("prune/embedding", () => {
  it.each(MODELS)("is exact where the table has that rank: %s", async (_name, architecture, config) => {
    const model = ofRank3(architecture, config);
    const { model: small, events } = await factored(3, model);
    expect(small.config["embeddingSize"]).toBe(3);
    for (const { name, shape: of } of architecture.weights(small.config)) expect(small.weights.get(name)!.shape, name).toEqual(of);
    const expected = await outputOf(architecture, model);
    (await outputOf(architecture, small)).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 4));
    expect(events).toContainEqual({ type: "metric", name: "embedding factorised", kept: expect.closeTo(1, 6) });
    expect(small.provenance.deeds).toMatchObject([{ use: "prune/embedding", options: { size: 3 } }]);
  });

  it("comes nearest in the squares of what is lost, saves and loads, trains, and is made narrower", async () => {
    const tokenizer = wordTokenizer(Array.from({ length: 37 }, (_, i) => `w${i}`));
    const model = createModel(llama.define, llamaConfig(shape), { seed: 3, tokenizer });
    const { model: small, events } = await factored(4, model);
    const table = (await model.weights.get("embedding")!.dense()).data as Float32Array;
    const [left, right] = [small.weights.get("embedding")!, small.weights.get("embedding.projection")!];
    const [narrow, projection] = [(await left.dense()).data as Float32Array, (await right.dense()).data as Float32Array];
    let [lost, whole] = [0, 0];
    table.forEach((value, at) => {
      let product = 0;
      for (let k = 0; k < 4; k++) product += narrow[Math.floor(at / 8) * 4 + k] * projection[(at % 8) * 4 + k];
      lost += (value - product) ** 2;
      whole += value ** 2;
    });
    const { kept } = events.find((event) => event.type === "metric") as unknown as { kept: number };
    expect(1 - lost / whole).toBeCloseTo(kept ** 2, 5);
    expect(kept).toBeGreaterThan(Math.SQRT1_2);
    const context = await toyContext({ plugins: PLUGINS });
    const files = memoryFiles();
    await small.save(files);
    expect(await (await loadCheckpoint(files, context.registry)).hash()).toBe(await small.hash());
    const text = { use: "text", text: "w1 w2 w3\nw4 w5 w6", separator: "\n" } as const;
    const { model: trained } = await finetune({ data: text, steps: 2 }).run({ model: small }, context);
    expect(await trained.hash()).not.toBe(await small.hash());
    const { model: thin } = await width({ size: 6, score: "magnitude" }).run({ model: small }, context);
    expect(thin.weights.get("embedding.projection")!.shape).toEqual([6, 4]);
  });

  it("refuses what it cannot factorise, and formats that cannot say it", async () => {
    const model = ofRank3(llama.define, llamaConfig(shape));
    const { model: small } = await factored(3, model);
    await expect(factored(2, small)).rejects.toMatchObject({ code: "prune/embedding-fixed" });
    await expect(factored(3, toyModel())).rejects.toMatchObject({ code: "prune/embedding-fixed" });
    await expect(factored(8, model)).rejects.toMatchObject({ code: "prune/embedding-not-smaller" });
    await expect(factored(3, withQuantized(model, "embedding"))).rejects.toMatchObject({ code: "prune/quantized-weight" });
    await expect(saveHuggingFace(small, llama.define, memoryFiles())).rejects.toMatchObject({ code: "models/not-expressible" });
  });
});
