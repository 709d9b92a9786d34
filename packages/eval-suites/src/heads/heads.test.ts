/** Suites of encoders' heads, against the same figures worked out by hand. */
import { bert, openSession, withHead, type Checkpoint, type HeadWanted } from "@pare/models";
import { openReference } from "@pare/tensor-core";
import { rowsData } from "@pare/training";
import { toyContext, toyEncoder, words } from "@pare/training/testing";
import { describe, expect, it } from "vitest";
import { ratioInterval, wilson } from "../interval.ts";
import { answer, normalised, wordF1 } from "./answer.ts";
import { choose } from "./choose.ts";
import { classify } from "./classify.ts";
import { fillMask } from "./fill-mask.ts";
import { matthews, pearson } from "./metrics.ts";
import { tag } from "./tag.ts";

const plugins = [bert, rowsData()];

function model(head: HeadWanted): Checkpoint {
  return withHead(toyEncoder(), bert.define, head, { seed: 4 });
}

function context() {
  return toyContext({ plugins });
}

const rows = (given: readonly Record<string, unknown>[]) => ({ data: { use: "rows", rows: given } });

/** Logits of each text alone. */
async function logitsOf(of: Checkpoint, texts: readonly (readonly [string, string?])[]): Promise<number[][]> {
  const session = openSession(of, { device: openReference(), architecture: bert.define });
  const logits: number[][] = [];
  for (const [first, second] of texts) {
    const { ids, tokenTypes } = words.frame(words.encode(first), second === undefined ? undefined : words.encode(second));
    const { data } = await session.forward({ tokens: [ids], extra: { tokenTypes: [tokenTypes] } });
    logits.push([...(data as Float32Array)]);
  }
  await session.dispose();
  return logits;
}

const nll = (logits: readonly number[], target: number): number =>
  Math.log(logits.reduce((total, x) => total + Math.exp(x), 0)) - logits[target]!;
const best = (logits: readonly number[]): number => logits.indexOf(Math.max(...logits));
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;

const TEXTS = ["the film was good", "a dull film", "bob likes tea", "red", "very very bad"];

describe("classify", () => {
  it("is accuracy, likelihood and correlation, each as by hand", async () => {
    const labels = ["a", "b", "c"];
    const subject = model({ task: "sequence-classification", labels });
    const given = TEXTS.map((text, index) => ({ text, label: labels[index % 3] }));
    const logits = await logitsOf(
      subject,
      TEXTS.map((text) => [text]),
    );
    const correct = logits.filter((row, index) => best(row) === index % 3).length;
    const each = logits.map((row, index) => nll(row, index % 3));
    const { low, high } = ratioInterval(
      each,
      each.map(() => 1),
    )!;
    const report = await classify.run(subject, rows(given), await context());
    expect(report).toMatchObject({ label: "out-of-domain", data: "rows", metrics: { examples: 5, seen: 0, correct } });
    const { low: accuracyLow, high: accuracyHigh } = wilson(correct, 5);
    const expected = { accuracy: correct / 5, accuracyLow, accuracyHigh, nll: mean(each), nllLow: low, nllHigh: high };
    for (const [name, value] of Object.entries(expected)) expect(report.metrics[name], name).toBeCloseTo(value, 5);
    const cut = await classify.run(subject, { ...rows(given), examples: 2 }, await context());
    expect(cut.metrics["examples"]).toBe(2);
  });

  it("measures sets of classes, and numbers", async () => {
    const several = model({ task: "sequence-classification", labels: ["a", "b"], kind: "multiple" });
    const logits = await logitsOf(
      several,
      TEXTS.map((text) => [text]),
    );
    const right = TEXTS.map((text, index) => ({ text, label: ["a", "b"].filter((_, at) => logits[index]![at]! > 0) }));
    expect((await classify.run(several, rows(right), await context())).metrics).toMatchObject({ accuracy: 1, f1: 1 });
    const number = model({ task: "sequence-classification", labels: ["value"] });
    const found = (
      await logitsOf(
        number,
        TEXTS.map((text) => [text]),
      )
    ).map(([x]) => x!);
    const off = TEXTS.map((text, index) => ({ text, label: found[index]! + (index % 2 === 0 ? 2 : -2) }));
    expect((await classify.run(number, rows(off), await context())).metrics["mse"]).toBeCloseTo(4, 4);
    const on = TEXTS.map((text, index) => ({ text, label: 3 * found[index]! - 1 }));
    expect((await classify.run(number, rows(on), await context())).metrics["pearson"]).toBeCloseTo(1, 6);
  });

  it("refuses other heads, rows without a label, rows that are too long, and no data", async () => {
    const subject = model({ task: "sequence-classification", labels: ["a", "b"] });
    const run = async (of: Checkpoint, options: Parameters<typeof classify.run>[1]) => classify.run(of, options, await context());
    await expect(run(model({ task: "masked-token" }), rows([{ text: "red", label: "a" }]))).rejects.toMatchObject({
      code: "models/head-unfit",
    });
    await expect(run(subject, rows([{ text: "red" }]))).rejects.toMatchObject({ code: "training/nothing-wanted" });
    await expect(run(subject, {})).rejects.toMatchObject({ code: "eval-suites/data-missing" });
    const long = rows([{ text: "red ".repeat(40), label: "a" }]);
    await expect(run(subject, long)).rejects.toMatchObject({ code: "training/example-too-long" });
    expect((await run(subject, { ...long, maxTokens: 12 })).metrics["examples"]).toBe(1);
  });
});

describe("tag", () => {
  it("is accuracy and likelihood over words, with intervals over rows", async () => {
    const subject = model({ task: "token-classification", labels: ["O", "NAME"] });
    const given = [
      { text: "ann likes teas", tags: "NAME O O" },
      { text: "the film was bob", tags: "O O O NAME" },
    ];
    const logits = await logitsOf(
      subject,
      given.map(({ text }) => [text]),
    );
    // [CLS] first: word i is token i + 1 but behind "tea ##s", which is the last word of its row.
    const of = given.map(({ tags }, row) =>
      tags
        .split(" ")
        .map((name, word) => ({ target: name === "NAME" ? 1 : 0, logits: logits[row]!.slice(2 * (word + 1), 2 * (word + 2)) })),
    );
    const correct = of.map((row) => row.filter((each) => best(each.logits) === each.target).length);
    const { metrics } = await tag.run(subject, rows(given), await context());
    expect(metrics).toMatchObject({ words: 7, correct: correct[0]! + correct[1]!, examples: 2 });
    expect(metrics["nll"]).toBeCloseTo(mean(of.flat().map((each) => nll(each.logits, each.target))), 5);
    const { low, high } = ratioInterval(correct, [3, 4])!;
    expect([metrics["accuracyLow"], metrics["accuracyHigh"]]).toEqual([low, high]);
  });
});

describe("choose", () => {
  it("lets the choices of a row compete", async () => {
    const subject = model({ task: "multiple-choice" });
    const given = [
      { text: "ann likes", choices: ["tea", "red", "the"], label: 1 },
      { text: "the film was", choices: ["bob", "good"], label: 0 },
    ];
    const logits = await Promise.all(
      given.map(async ({ text, choices }) =>
        (
          await logitsOf(
            subject,
            choices.map((choice) => [text, choice]),
          )
        ).map(([x]) => x!),
      ),
    );
    const { metrics } = await choose.run(subject, rows(given), await context());
    expect(metrics).toMatchObject({ correct: given.filter(({ label }, row) => best(logits[row]!) === label).length });
    expect(metrics["chance"]).toBeCloseTo((1 / 3 + 1 / 2) / 2, 12);
    expect(metrics["nll"]).toBeCloseTo((nll(logits[0]!, 1) + nll(logits[1]!, 0)) / 2, 5);
  });
});

describe("answer", () => {
  it("compares as SQuAD does", () => {
    expect(normalised("The  Red, tea!")).toBe("red tea");
    expect(wordF1("the red tea", "tea")).toBeCloseTo(2 / 3, 12);
    expect(wordF1("tea tea", "tea")).toBeCloseTo(2 / 3, 12);
    expect(wordF1("milk", "tea")).toBe(0);
    expect([wordF1("the", "a"), wordF1("the", "tea")]).toEqual([1, 0]);
  });

  it("takes the best of several right answers", async () => {
    const subject = model({ task: "question-answering" });
    const pair = "the red tea was good . ann likes blue milk";
    const session = openSession(subject, { device: openReference(), architecture: bert.define });
    const { answer: ask } = await import("@pare/models");
    const { text } = await ask(session, "who likes milk ?", pair);
    await session.dispose();
    const given = [
      { text: "who likes milk ?", pair, answers: [{ text: "red tea" }, { text }] },
      { text: "who likes milk ?", pair, answers: pair },
    ];
    const { metrics } = await answer.run(subject, rows(given), await context());
    const exact = normalised(text) === normalised(pair) ? 2 : 1;
    expect(metrics).toMatchObject({ exactMatch: exact / 2, correct: exact, examples: 2 });
    expect(metrics["f1"]).toBeCloseTo((1 + wordF1(text, pair)) / 2, 12);
    await expect(answer.run(subject, rows([{ text: "who ?", pair }]), await context())).rejects.toMatchObject({
      code: "eval-suites/answers-missing",
    });
  });
});

describe("fill-mask", () => {
  it("is the likelihood of what masks stand for, the same for the same seed", async () => {
    const subject = model({ task: "masked-token" });
    const given = TEXTS.map((text) => ({ text }));
    const run = async (options: object = {}) => (await fillMask.run(subject, { ...rows(given), ...options }, await context())).metrics;
    const metrics = await run({ maskProbability: 0.5 });
    expect(metrics).toEqual(await run({ maskProbability: 0.5 }));
    // Half of 4, 3, 3, 1 and 3 tokens, at least one.
    expect(metrics["predictions"]).toBe(2 + 2 + 2 + 1 + 2);
    expect(metrics["perplexity"]).toBeCloseTo(Math.exp(metrics["nll"]!), 10);
    // One token: the mask stands for it whatever the seed.
    const { width, logits } = { width: words.vocabularySize, logits: await maskedLogits(subject) };
    const one = (await fillMask.run(subject, rows([{ text: "red" }]), await context())).metrics;
    expect(one["nll"]).toBeCloseTo(nll(logits.slice(width, 2 * width), words.encode("red")[0]!), 5);
  });
});

async function maskedLogits(subject: Checkpoint): Promise<number[]> {
  const session = openSession(subject, { device: openReference(), architecture: bert.define });
  const { data } = await session.forward({ tokens: [words.frame([words.special.mask!]).ids] });
  await session.dispose();
  return [...(data as Float32Array)];
}

it("correlations are 1 for what is right and 0 for what does not vary", () => {
  expect(matthews([0, 1, 2, 1], [0, 1, 2, 1], 3)).toBe(1);
  expect(matthews([0, 0, 0], [0, 1, 2], 3)).toBe(0);
  // True and false positives and negatives 3, 1, 2, 2: (3·2 − 1·2) / √(4·5·3·4)
  const [found, meant] = [
    [1, 1, 1, 1, 0, 0, 0, 0],
    [1, 1, 1, 0, 0, 0, 1, 1],
  ];
  expect(matthews(found!, meant!, 2)).toBeCloseTo((3 * 2 - 1 * 2) / Math.sqrt(4 * 5 * 3 * 4), 12);
  expect(pearson([1, 2, 3], [2, 4, 6])).toBeCloseTo(1, 12);
  expect(pearson([1, 2, 3], [1, 1, 1])).toBe(0);
});
