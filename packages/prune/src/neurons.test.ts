import {
  createModel,
  encoderDecoder,
  encoderDecoderConfig,
  llama,
  llamaConfig,
  padRows,
  withWeights,
  type Checkpoint,
  type LlamaConfig,
} from "@pare/models";
import { denseOf, f32, type SiteRequests } from "@pare/tensor-core";
import { finetune, prepareSequences } from "@pare/training";
import { describe, expect, it } from "vitest";
import { letters, LINES, outputsOf, toyContext, withQuantized } from "@pare/training/testing";
import { closed, fused, fusedModel } from "../test/fused.ts";
import { magnitude } from "./magnitude.ts";
import { neurons, type NeuronsOptions } from "./neurons.ts";

const TOKENS = [1, 5, 9, 20, 7, 8];
const SITES = ["layers.0.feedForward.neurons", "layers.1.feedForward.neurons"];

function whole(): Checkpoint {
  const config = llamaConfig({ vocabularySize: 30, contextLength: 32, hiddenSize: 8, layers: 2, heads: 2, feedForward: 12 });
  return createModel(llama.define, config, { seed: 2, tokenizer: letters });
}

async function thinner(options: NeuronsOptions, model: Checkpoint = whole()): Promise<Checkpoint> {
  return (await neurons(options).run({ model }, await toyContext({ plugins: [llama] }))).model;
}

function widths({ config }: Checkpoint): number[] {
  return (config as LlamaConfig).layers.map(({ feedForward }) => feedForward);
}

async function outputs(model: Checkpoint, tokens: readonly number[], sites: SiteRequests = {}, gates: readonly (readonly number[])[] = []) {
  const inputs = Object.fromEntries(gates.map((gate, layer) => [`gate.${layer}`, f32([gate.length], gate)]));
  return await outputsOf(llama.define, model, { ...padRows([tokens]), ...inputs }, sites);
}

/** By layer, Σ h_j² over all positions that predict a token. */
async function energies(model: Checkpoint): Promise<number[][]> {
  const { sequences } = await prepareSequences(model, { data: LINES }, await toyContext({ plugins: [llama] }));
  const totals = SITES.map(() => new Array<number>(12).fill(0));
  for (const { tokens } of sequences) {
    const found = await outputs(model, tokens.slice(0, -1), Object.fromEntries(SITES.map((site) => [site, { tap: site }])));
    SITES.forEach((site, layer) => (found[site].data as Float32Array).forEach((value, at) => (totals[layer][at % 12] += value * value)));
  }
  return totals;
}

/** 1 for those of the largest energy. */
function gatesOf(energy: readonly number[], kept: number): number[] {
  const limit = [...energy].sort((a, b) => b - a)[kept - 1];
  return energy.map((value) => (value >= limit ? 1 : 0));
}

describe("prune/neurons", () => {
  it("computes what the whole model does with the neurons of least output shut", async () => {
    const model = await thinner({ fraction: 0.25, data: LINES });
    expect(widths(model)).toEqual([9, 9]);
    expect(model.weights.get("layers.1.feedForward.up")!.shape).toEqual([9, 8]);
    expect(model.weights.get("layers.1.feedForward.down")!.shape).toEqual([8, 9]);
    const gates = (await energies(whole())).map((energy) => gatesOf(energy, 9));
    const sites = Object.fromEntries(SITES.map((site, layer) => [site, { gate: { input: `gate.${layer}` } }]));
    const expected = (await outputs(whole(), TOKENS, sites, gates))["logits"].data as Float32Array;
    const found = (await outputs(model, TOKENS))["logits"].data as Float32Array;
    found.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
    expect(model.provenance.deeds).toMatchObject([{ use: "prune/neurons", version: 1, options: { fraction: 0.25, scope: "layer" } }]);
    expect(model.provenance.seen).toMatchObject([{ data: "text" }]);
  });

  it("takes a share of all neurons together, each layer normalised", async () => {
    const normalised = (await energies(whole())).map((energy) => {
      const norm = Math.sqrt(energy.reduce((sum, value) => sum + value, 0));
      return energy.map((value) => Math.sqrt(value) / norm);
    });
    const limit = normalised.flat().sort((a, b) => a - b)[11];
    const expected = normalised.map((scores) => scores.filter((value) => value > limit).length);
    expect(widths(await thinner({ fraction: 0.5, scope: "global", data: LINES }))).toEqual(expected);
    expect(expected[0] + expected[1]).toBe(12);
  });

  it("keeps by the slope of the loss the neurons that it hangs on", async () => {
    const model = whole();
    const down = (await model.weights.get("layers.0.feedForward.down")!.dense()).data as Float32Array;
    // Columns that nobody reads: whatever those neurons put out, the loss has no slope there.
    const blind = down.map((value, at) => ([1, 4, 7].includes(at % 12) ? 0 : value));
    const up = (await model.weights.get("layers.0.feedForward.up")!.dense()).data as Float32Array;
    const before = withWeights(model, [["layers.0.feedForward.down", denseOf(f32([8, 12], blind))]]);
    const thin = await thinner({ fraction: 0.25, score: "taylor", data: LINES }, before);
    const left = (await thin.weights.get("layers.0.feedForward.up")!.dense()).data as Float32Array;
    const kept = [0, 2, 3, 5, 6, 8, 9, 10, 11];
    expect([...left]).toEqual(kept.flatMap((neuron) => [...up.subarray(neuron * 8, (neuron + 1) * 8)]));
  });

  it("takes a share of its own from each layer that is named", async () => {
    expect(widths(await thinner({ fraction: { [SITES[1]]: 0.5 }, data: LINES }))).toEqual([12, 6]);
    await expect(thinner({ fraction: { nowhere: 0.5 }, data: LINES })).rejects.toMatchObject({ code: "prune/part-unknown" });
    expect(() => neurons({ fraction: { [SITES[1]]: 0.5 }, scope: "global", data: LINES })).toThrow(/shares by site/);
  });

  it("cuts an architecture of which nothing is known here", async () => {
    const context = await toyContext({ plugins: [fused] });
    const model = fusedModel();
    const { model: thin } = await neurons({ fraction: 0.5, score: "random" }).run({ model }, context);
    for (const { name, shape } of fused.define.weights(thin.config)) expect(thin.weights.get(name)!.shape).toEqual(shape);
    expect(thin.weights.get("0.up")!.shape).toEqual([6, 8]);
    await expect(neurons({ fraction: 0.5, score: "random" }).run({ model }, await toyContext({ plugins: [closed] }))).rejects.toMatchObject(
      { code: "prune/axis-bound" },
    );
  });

  it("draws by seed alone, leaves one at least, and none untouched for nothing", async () => {
    const random = async () => await (await thinner({ fraction: 0.5, score: "random" })).hash();
    expect(await random()).toBe(await random());
    expect(widths(await thinner({ fraction: 0.99, score: "random" }))).toEqual([1, 1]);
    expect(widths(await thinner({ fraction: 0, score: "random" }))).toEqual([12, 12]);
  });

  it("keeps masks, and cuts every stack of an encoder–decoder", async () => {
    const { model } = await magnitude({ sparsity: 0.5, storage: "sparse" }).run({ model: whole() }, await toyContext({ plugins: [llama] }));
    const down = (await thinner({ fraction: 0.25, score: "random" }, model)).weights.get("layers.0.feedForward.down")!;
    expect(down).toMatchObject({ storage: "sparse/csr", shape: [8, 9] });
    const shape = { vocabularySize: 30, contextLength: 16, hiddenSize: 8, encoderLayers: 1, decoderLayers: 1, heads: 2, feedForward: 12 };
    const pair = createModel(encoderDecoder.define, encoderDecoderConfig(shape), { seed: 3, tokenizer: letters });
    const context = await toyContext({ plugins: [encoderDecoder] });
    const { model: thin } = await neurons({ fraction: 0.5, score: "random" }).run({ model: pair }, context);
    for (const { name, shape: expected } of encoderDecoder.define.weights(thin.config))
      expect(thin.weights.get(name)!.shape).toEqual(expected);
    expect(thin.weights.get("decoder.0.feedForward.gate")!.shape).toEqual([6, 8]);
  });

  it("retrains what is left", async () => {
    const context = await toyContext({ plugins: [finetune, llama] });
    const options = { fraction: 0.25, score: "random", retrain: { use: "train/finetune", data: LINES, steps: 2 } } as const;
    const { model } = await neurons(options).run({ model: whole() }, context);
    expect(model.provenance.deeds.map(({ use }) => use)).toEqual(["prune/neurons", "train/finetune"]);
  });

  it("refuses what it cannot cut and options that would do nothing", async () => {
    const quantized = withQuantized(whole(), "layers.0.feedForward.up");
    await expect(thinner({ fraction: 0.5, score: "random" }, quantized)).rejects.toMatchObject({ code: "prune/quantized-weight" });
    expect(() => neurons({ fraction: 0.5 })).toThrow(/read data/);
    expect(() => neurons({ fraction: 0.5, score: "random", data: LINES })).toThrow(/read data/);
    expect(() => neurons({ fraction: 1, data: LINES })).toThrow(/fraction/);
  });
});
