/** Encoders learn what their heads are for, each on rows that can be learned. */
import { memoryFiles, type Context } from "@pare/core";
import { bert, headOf, withWeights, type Checkpoint } from "@pare/models";
import { describe, expect, it } from "vitest";
import { rowsData } from "./data/rows.ts";
import { finetune, type FinetuneOptions } from "./finetune.ts";
import { attachHead, type AttachHeadOptions } from "./head.ts";
import { sequenceClassificationObjective } from "./objectives/sequence-classification.ts";
import { maskedTokenObjective } from "./objectives/masked-token.ts";
import { LINES, toyContext, toyEncoder, toyModel } from "./testing/index.ts";
import type { LossPoint } from "./train.ts";

const plugins = [bert, rowsData(), sequenceClassificationObjective, maskedTokenObjective];

async function head(options: AttachHeadOptions, model: Checkpoint = toyEncoder()): Promise<Checkpoint> {
  return (await attachHead(options).run({ model }, await toyContext({ plugins }))).model;
}

/** First and last mean loss of a run. */
async function losses(model: Checkpoint, rows: readonly Record<string, unknown>[], options: Partial<FinetuneOptions> = {}) {
  const context = await toyContext({ plugins });
  await finetune({ data: { use: "rows", rows }, steps: 60, batch: 4, learningRate: 0.01, weightDecay: 0, ...options }).run(
    { model },
    context,
  );
  const found = context.events.flatMap((event) => (event.type === "metric" ? [(event as unknown as LossPoint).loss] : []));
  return { first: found[0]!, last: found.at(-1)! };
}

const REVIEWS = ["good", "great", "bad", "dull"].flatMap((word) => [
  { text: `the film was ${word}`, label: word === "good" || word === "great" ? "yes" : "no", value: word.length },
  { text: `a very ${word} film .`, label: word === "good" || word === "great" ? "yes" : "no", value: word.length },
]);
const data = { use: "rows", rows: REVIEWS };

describe("train/head", () => {
  it("puts a fresh head on an encoder, its classes those of the data, and leaves the rest as it is", async () => {
    const before = toyEncoder();
    const model = await head({ head: "sequence-classification", data }, before);
    expect(model.config["head"]).toEqual({ task: "sequence-classification", labels: ["no", "yes"], kind: "single", activation: "tanh" });
    expect(headOf(bert.define, model.config).labels).toEqual(["no", "yes"]);
    for (const [name, stored] of before.weights) expect(model.weights.get(name)).toBe(stored);
    expect([...model.weights.keys()].filter((name) => !before.weights.has(name))).toEqual([
      "head.dense",
      "head.dense.bias",
      "head.output",
      "head.output.bias",
    ]);
    expect(model.provenance.deeds.map(({ use }) => use)).toEqual(["train/head"]);
    expect(await (await head({ head: "sequence-classification", data })).hash()).toBe(await model.hash());
  });

  it("draws the head anew where the model had one with weights of the same names", async () => {
    const masked = await head({ head: "masked-token" });
    const model = await head({ head: "sequence-classification", labels: ["b", "a"] }, withWeights(masked, []));
    expect(model.weights.get("head.dense")).not.toBe(masked.weights.get("head.dense"));
    expect(model.weights.get("embedding")).toBe(masked.weights.get("embedding"));
    expect(headOf(bert.define, model.config).labels).toEqual(["b", "a"]);
  });

  it("refuses classes that nobody named, tasks that are unknown and models whose head is fixed", async () => {
    await expect(head({ head: "masked-token", labels: ["a"] })).rejects.toMatchObject({ code: "core/options-invalid" });
    await expect(head({ head: "sequence-classification" })).rejects.toMatchObject({ code: "training/labels-missing" });
    const one = { use: "rows", rows: [{ text: "tea", label: "a" }] };
    await expect(head({ head: "sequence-classification", data: one })).rejects.toMatchObject({ code: "training/labels-missing" });
    await expect(head({ head: "token-classification", data })).rejects.toMatchObject({ code: "training/labels-missing" });
    await expect(head({ head: "masked-token", labels: ["a"] })).rejects.toMatchObject({ code: "core/options-invalid" });
    await expect(head({ head: "sequence-clasification" })).rejects.toMatchObject({ code: "models/config-invalid" });
    await expect(head({ head: "masked-token" }, toyModel())).rejects.toMatchObject({ code: "models/head-fixed" });
  });
});

describe("train/finetune of an encoder", () => {
  it("learns classes of texts, and numbers", async () => {
    const { first, last } = await losses(await head({ head: "sequence-classification", data }), REVIEWS);
    expect(first).toBeGreaterThan(0.6);
    expect(last).toBeLessThan(0.1);
    const numbers = REVIEWS.map(({ text, value }) => ({ text, label: value }));
    const number = await losses(await head({ head: { task: "sequence-classification", kind: "regression" } }), numbers);
    expect(number.last).toBeLessThan(0.2 * number.first);
  });

  it("learns several classes of one text", async () => {
    const rows = REVIEWS.map(({ text, label }) => ({ text, label: text.includes("very") ? [label, "very"] : [label] }));
    const model = await head({ head: "sequence-classification", data: { use: "rows", rows } });
    expect(model.config["head"]).toMatchObject({ kind: "multiple", labels: ["no", "very", "yes"] });
    expect((await losses(model, rows, { steps: 120 })).last).toBeLessThan(0.3);
  });

  it("learns tags, answers, choices and pairs", async () => {
    const tagged = ["ann", "bob", "eve"].flatMap((name) => [
      { text: `${name} likes tea`, tags: "NAME O O" },
      { text: `the film was ${name} .`, tags: "O O O NAME O" },
    ]);
    const tags = await head({ head: "token-classification", data: { use: "rows", rows: tagged } });
    expect((await losses(tags, tagged)).last).toBeLessThan(0.1);
    const asked = ["ann", "bob", "eve"].flatMap((name) => [
      { text: "who likes tea ?", pair: `the film was red . ${name} likes tea`, answers: name },
      { text: "who likes tea ?", pair: `${name} likes tea . the film was red`, answers: name },
    ]);
    expect((await losses(await head({ head: "question-answering" }), asked)).last).toBeLessThan(0.3);
    const chosen = ["ann", "bob", "eve"].flatMap((name) => [
      { text: `${name} likes`, choices: ["tea", "red", "was"], label: 0 },
      { text: `${name} likes`, choices: ["blue", "milk"], label: "milk" },
    ]);
    expect((await losses(await head({ head: "multiple-choice" }), chosen)).last).toBeLessThan(0.3);
    const pairs = [
      ["good", "great"],
      ["bad", "dull"],
      ["red", "blue"],
      ["tea", "milk"],
    ].map(([text, pair]) => ({ text, pair }));
    const { first, last } = await losses(await head({ head: "sentence-embedding" }), pairs);
    expect(last).toBeLessThan(0.3 * first);
  });

  it("learns masked tokens, the same bytes for the same seed and in parts", async () => {
    const model = await head({ head: "masked-token" });
    const { first, last } = await losses(model, REVIEWS, { steps: 200 });
    expect(first).toBeGreaterThan(3);
    expect(last).toBeLessThan(2);
    const options = { data, steps: 4, batch: 5, learningRate: 0.01 };
    const tuned = async (accumulate: number) =>
      (await finetune({ ...options, accumulate }).run({ model }, await toyContext({ plugins }))).model;
    expect(await (await tuned(1)).hash()).toBe(await (await tuned(1)).hash());
    const [whole, parts] = [await tuned(1), await tuned(2)];
    for (const [name, weight] of whole.weights) {
      const [a, b] = [(await weight.dense()).data, (await parts.weights.get(name)!.dense()).data];
      a.forEach((value, index) => expect(Math.abs(Number(b[index]) - Number(value))).toBeLessThan(1e-3));
    }
  });

  it("asks for the same masked tokens after being cut off", async () => {
    const model = await head({ head: "masked-token" });
    const tune = (context: Context) => finetune({ data, steps: 10, batch: 4, learningRate: 0.01 }).run({ model }, context);
    const expected = await (await tune(await toyContext({ plugins }))).model.hash();
    const scratch = memoryFiles();
    const cut = await toyContext({ plugins, scratch, cutOff: (event) => event.type === "progress" && event.progress.done === 5 });
    await expect(tune(cut)).rejects.toThrow("cut off");
    expect(await (await tune(await toyContext({ plugins, scratch }))).model.hash()).toBe(expected);
  });

  it("refuses rows that say nothing of what the head should give, and heads that give nothing to learn", async () => {
    const model = await head({ head: "sequence-classification", labels: ["a", "b"] });
    const tune = async (of: Checkpoint, options: Partial<FinetuneOptions>) =>
      finetune({ data, steps: 1, ...options }).run({ model: of }, await toyContext({ plugins }));
    const rows = [{ text: "tea", label: "a" }, { text: "milk" }];
    await expect(tune(model, { data: { use: "rows", rows } })).rejects.toThrow(/line 2: label[\s\S]*training\/nothing-wanted/);
    await expect(tune(model, { data: LINES, maxTokens: 10 })).rejects.toMatchObject({ code: "training/nothing-wanted" });
    await expect(tune(toyEncoder(), {})).rejects.toMatchObject({ code: "training/objective-unfit" });
    await expect(tune(model, { objective: { use: "masked-token" } })).rejects.toMatchObject({ code: "training/objective-unfit" });
  });
});
