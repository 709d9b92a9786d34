/** What applications ask of a loaded model, on small random ones with a real tokenizer. */
import { readText } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { openReference } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { bert, bertConfig, createModel, load, tokenizerFromJson, type BertConfig, type LoadedModel } from "../src/index.ts";
import { saved, smallLlama } from "./models.ts";

const files = folderFiles(`${import.meta.dirname}/tokenizers/word-piece`);
const tokenizer = tokenizerFromJson(
  JSON.parse(await readText(files, "tokenizer.json")),
  JSON.parse(await readText(files, "tokenizer_config.json")),
);

async function model(head: BertConfig["head"], contextLength = 48): Promise<LoadedModel> {
  const shape = { vocabularySize: tokenizer.vocabularySize, contextLength, hiddenSize: 16, layers: 2, heads: 2, feedForward: 24, head };
  const fresh = createModel(bert.define, bertConfig(shape), { seed: 5, tokenizer });
  return load(await saved(fresh), { device: openReference() });
}

const LABELS = ["good", "bad", "neither"];
const PASSAGE = "Zürich is a city. It has many bridges, two rivers and one lake; people naïvely walk around it every day.";

function cosineOf(a: ArrayLike<number>): number {
  return Math.sqrt(Array.from(a).reduce((sum, value) => sum + value * value, 0));
}

describe("a loaded model", () => {
  it("embeds texts: in order, of length 1, the same alone and among others", async () => {
    const { embed, dispose } = await model({ task: "sentence-embedding", pooling: "mean", normalise: true, maxTokens: 20 });
    const texts = ["the city", "", "a ".repeat(100), PASSAGE, "the city"];
    const all = await embed(texts);
    expect(all).toHaveLength(5);
    for (const vector of all) expect(cosineOf(vector)).toBeCloseTo(1, 5);
    expect(all[0]).toEqual(all[4]);
    const [alone] = await embed([PASSAGE]);
    alone!.forEach((value, index) => expect(value).toBeCloseTo(all[3]![index]!, 5));
    await dispose();
  });

  it("classifies texts and pairs of texts", async () => {
    const { classify, session, dispose } = await model({
      task: "sequence-classification",
      labels: LABELS,
      kind: "single",
      activation: "tanh",
    });
    const [one, pair] = await classify(["the city", ["the city", "a lake"]]);
    for (const { label, score, scores } of [one!, pair!]) {
      expect(Object.keys(scores)).toEqual(LABELS);
      expect(Object.values(scores).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
      expect(score).toBe(Math.max(...Object.values(scores)));
      expect(scores[label]).toBe(score);
    }
    const { ids, tokenTypes } = tokenizer.frame(tokenizer.encode("the city"), tokenizer.encode("a lake"));
    const { data } = await session.forward({ tokens: [[...ids]], extra: { tokenTypes: [[...tokenTypes]] } });
    const weights = Array.from(data as Float32Array, Math.exp);
    expect(pair!.scores["bad"]).toBeCloseTo(weights[1]! / weights.reduce((a, b) => a + b), 5);
    await dispose();
    const several = await model({ task: "sequence-classification", labels: LABELS, kind: "multiple", activation: "tanh" });
    for (const score of Object.values((await several.classify(["the city"]))[0]!.scores)) expect(Math.abs(score - 0.5)).toBeLessThan(0.5);
    await several.dispose();
  });

  it("answers with whole words of the passage, however long that is", async () => {
    const { answer, dispose } = await model({ task: "question-answering" });
    for (const passage of [PASSAGE, PASSAGE.repeat(8)]) {
      const { text, begin, end, probability } = await answer("What has the city?", passage, { maxTokens: 6 });
      expect(text).toBe(passage.slice(begin, end));
      expect(text).not.toBe("");
      const letter = /[\p{L}\p{N}]/u;
      expect(letter.test(passage[begin - 1] ?? " ") && letter.test(passage[begin]!)).toBe(false);
      expect(letter.test(passage[end] ?? " ") && letter.test(passage[end - 1]!)).toBe(false);
      expect(probability).toBeGreaterThan(0);
    }
    await expect(answer("What?", "")).rejects.toMatchObject({ code: "models/rows-invalid" });
    await expect(answer("what ".repeat(100), PASSAGE)).rejects.toMatchObject({ code: "models/rows-invalid" });
    await dispose();
  });

  it("fills gaps, each with its likeliest tokens", async () => {
    const { fillMask, session, dispose } = await model({ task: "masked-token", activation: "gelu", tied: true });
    const gaps = await fillMask("The [MASK] has many [MASK].", { count: 3 });
    expect(gaps.map((fillings) => fillings.length)).toEqual([3, 3]);
    const { mask } = tokenizer.special;
    const ids = tokenizer.frame([...tokenizer.encode("The"), mask!, ...tokenizer.encode("has many"), mask!, ...tokenizer.encode(".")]).ids;
    const { data, shape } = await session.forward({ tokens: [ids] });
    const row = Array.from(data.subarray(ids.indexOf(mask!) * shape[2]!, (ids.indexOf(mask!) + 1) * shape[2]!) as Float32Array);
    expect(gaps[0]![0]!.token).toBe(row.indexOf(Math.max(...row)));
    expect(gaps[0]![0]!.text).toBe(tokenizer.decode([gaps[0]![0]!.token]));
    expect(gaps[0]![0]!.probability).toBeGreaterThanOrEqual(gaps[0]![1]!.probability);
    await expect(fillMask("no gap")).rejects.toMatchObject({ code: "models/rows-invalid" });
    await dispose();
  });

  it("tags words and chooses continuations", async () => {
    const tagger = await model({ task: "token-classification", labels: LABELS });
    const [words] = await tagger.tag(["Zürich is unbelievable, naïvely."]);
    expect(words!.map(({ text }) => text)).toEqual(["Zürich", "is", "unbelievable", ",", "naïvely", "."]);
    for (const { label, begin, end, text } of words!) {
      expect(LABELS).toContain(label);
      expect("Zürich is unbelievable, naïvely.".slice(begin, end)).toBe(text);
    }
    await tagger.dispose();
    const chooser = await model({ task: "multiple-choice", activation: "tanh" });
    const { index, choice, probabilities } = await chooser.choose("The city has", ["a lake", "many bridges", "it"]);
    expect(["a lake", "many bridges", "it"][index]).toBe(choice);
    expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    await chooser.dispose();
  });

  it("says what its head is for where it is asked for something else", async () => {
    const loaded = await model({ task: "features" });
    const unfit = { code: "models/head-unfit", report: { found: "features" } };
    await expect(loaded.embed(["x"])).rejects.toMatchObject(unfit);
    await expect(loaded.classify(["x"])).rejects.toMatchObject(unfit);
    await expect(loaded.answer("x", "y")).rejects.toMatchObject(unfit);
    await expect(loaded.fillMask("x [MASK]")).rejects.toMatchObject(unfit);
    await expect(loaded.tag(["x"])).rejects.toMatchObject(unfit);
    await expect(loaded.choose("x", ["y"])).rejects.toMatchObject(unfit);
    await expect(loaded.generate("x")[Symbol.asyncIterator]().next()).rejects.toMatchObject(unfit);
    await loaded.dispose();
    const decoder = await load(await saved(smallLlama()), { device: openReference() });
    await expect(decoder.embed(["x"])).rejects.toMatchObject({ code: "models/head-unfit", report: { found: "next-token" } });
    await decoder.dispose();
  });
});
