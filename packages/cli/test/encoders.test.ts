/** An encoder's whole way: made, given a head, trained on rows, pruned, quantized, measured, and written for other runtimes. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli, temporaryFolder } from "./run-cli.ts";

const MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const THINGS = ["film", "book", "song"];
const WORDS = [
  "the",
  "a",
  "was",
  "very",
  "not",
  "good",
  "great",
  "fine",
  "bad",
  "dull",
  "poor",
  ".",
  "who",
  "likes",
  "?",
  "ann",
  "bob",
  "eve",
];

/** "the film was not good ." and what it means; 72 rows, told apart by two words together. */
const REVIEWS = ["the", "a"].flatMap((article) =>
  THINGS.flatMap((thing) =>
    ["", "not "].flatMap((turn) =>
      ["good", "great", "fine", "bad", "dull", "poor"].map((word, index) => ({
        text: `${article} ${thing} was ${turn}${word} .`,
        label: index < 3 === (turn === "") ? "positive" : "negative",
      })),
    ),
  ),
);

function jsonl(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

/** A folder with a small encoder in `encoder`. */
async function workplace(files: Readonly<Record<string, string>>): Promise<string> {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "vocab.txt"), [...MARKS, ...THINGS, ...WORDS].join("\n"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  const made = await runCli(["create", "bert-tiny", "--tokenizer", "vocab.txt", "--seed", "1", "--out", "encoder"], { cwd });
  expect(made.code, made.err).toBe(0);
  return cwd;
}

/** Runs a command that has to succeed. */
async function pare(cwd: string, ...argv: string[]) {
  const ran = await runCli([...argv, "--json"], { cwd });
  expect(ran.code, ran.out + ran.err).toBe(0);
  return ran.json();
}

async function metricsOf(cwd: string, model: string, suite: string, ...flags: string[]): Promise<Record<string, number>> {
  const { results, fallbacks } = await pare(cwd, "eval", model, "--suite", suite, ...flags);
  expect(fallbacks).toEqual([]);
  return results[0].metrics;
}

const TRAINING = ["--options", '{"epochs":40,"batch":16,"learningRate":0.003}'];

test("a classifier is trained, cut smaller, rounded, measured and converted", { timeout: 120_000 }, async () => {
  // Every sixth review is kept for the test: words and turns are all seen in training.
  const held = REVIEWS.filter((_, index) => index % 6 === Math.floor(index / 6) % 6);
  const seen = REVIEWS.filter((row) => !held.includes(row));
  const cwd = await workplace({ "train.jsonl": jsonl(seen), "test.jsonl": jsonl(held) });
  const trained = await pare(
    cwd,
    "train",
    "encoder",
    "--head",
    "sequence-classification",
    "--data",
    "train.jsonl",
    ...TRAINING,
    "--out",
    "whole",
  );
  expect(trained.steps.map(({ use }: { use: string }) => use)).toEqual(["train/head", "train/finetune"]);
  const { config } = await pare(cwd, "inspect", "whole");
  expect(config.head).toMatchObject({ task: "sequence-classification", labels: ["negative", "positive"], kind: "single" });
  const before = await metricsOf(cwd, "whole", "classify", "--data", "test.jsonl");
  expect(before).toMatchObject({ accuracy: 1, examples: 12, seen: 0 });

  const data = { use: "rows", file: "train.jsonl" };
  const retrain = { use: "distill/soft-targets", data, epochs: 4, batch: 16 };
  const recipe = [
    { use: "prune/head-importance", data },
    { use: "prune/heads", fraction: 0.375 },
    { use: "prune/neurons", fraction: 0.25, data },
    { use: "prune/gradual", prune: { use: "prune/wanda", data }, to: 0.5, rounds: 2, retrain },
    { use: "quantize/gptq", bits: 8, data },
  ];
  writeFileSync(join(cwd, "recipe.json"), JSON.stringify(recipe));
  const small = await pare(cwd, "compress", "whole", "--recipe", "recipe.json", "--out", "small");
  expect(small.after.parameters).toBeLessThan(0.8 * small.before.parameters);
  expect(small.after.bytes).toBeLessThan(0.5 * small.before.bytes);
  const after = await metricsOf(cwd, "small", "classify", "--data", "test.jsonl");
  expect(after["accuracy"]!).toBeGreaterThan(0.8);

  await pare(cwd, "convert", "small", "onnx", "--format", "onnx");
  const again = await metricsOf(cwd, "onnx", "classify", "--data", "test.jsonl");
  expect(again["correct"]).toBe(after["correct"]);
  expect(again["nll"]!).toBeCloseTo(after["nll"]!, 4);

  await pare(cwd, "convert", "whole", "library", "--format", "huggingface");
  const written = JSON.parse(readFileSync(join(cwd, "library", "config.json"), "utf8"));
  expect(written).toMatchObject({ architectures: ["BertForSequenceClassification"], id2label: { 0: "negative", 1: "positive" } });
  expect(await metricsOf(cwd, "library", "classify", "--data", "test.jsonl")).toEqual(before);
});

const NAMES = ["ann", "bob", "eve"];

test.each([
  ["masked-token", "fill-mask", "nll", REVIEWS.map(({ text }) => ({ text }))],
  [
    "token-classification",
    "tag",
    "accuracy",
    NAMES.flatMap((name) => [
      { text: `who likes ${name} ?`, tags: "O O NAME O" },
      { text: `${name} likes the film`, tags: "NAME O O O" },
    ]),
  ],
  [
    "question-answering",
    "answer",
    "f1",
    NAMES.flatMap((name) => [
      { text: "who likes ?", pair: `the film was good . ${name} likes`, answers: name },
      { text: "who likes ?", pair: `${name} likes . the film was good`, answers: name },
    ]),
  ],
  [
    "multiple-choice",
    "choose",
    "accuracy",
    NAMES.flatMap((name) => [
      { text: `who ? ${name}`, choices: ["likes", "film", "the"], label: 0 },
      { text: `who ? ${name}`, choices: ["book", "likes"], label: 1 },
    ]),
  ],
])("a head for %s is trained and measured by %s", { timeout: 60_000 }, async (head, suite, metric, rows) => {
  const cwd = await workplace({ "rows.jsonl": jsonl(rows) });
  const measure = () => metricsOf(cwd, "model", suite, "--data", "rows.jsonl");
  const train = (epochs: number) =>
    pare(
      cwd,
      "train",
      "encoder",
      "--head",
      head,
      "--data",
      "rows.jsonl",
      "--out",
      "model",
      "--force",
      "--options",
      JSON.stringify({ epochs, batch: 8, learningRate: 0.005 }),
    );
  await train(1);
  const before = (await measure())[metric]!;
  await train(head === "masked-token" ? 30 : 60);
  const after = (await measure())[metric]!;
  if (metric === "nll") expect(after).toBeLessThan(0.7 * before);
  else expect(after).toBeGreaterThan(0.9);
  // What the recipe held and the model has seen, the suite knows.
  expect(await measure()).toMatchObject({ seen: new Set(rows.map((row) => JSON.stringify(row))).size });
});

test("says what is wrong with rows, columns and heads before any work", async () => {
  const cwd = await workplace({
    "rows.csv": "sentence,class\nthe film was good .,positive\nthe book,\nthe song,negative\n",
    "bad.jsonl": '{"text": "a"}\n{"text": \n',
  });
  const fails = async (...argv: string[]) => {
    const ran = await runCli([...argv, "--json"], { cwd });
    expect(ran.code, ran.out).toBe(2);
    return ran.json().error;
  };
  const train = (...flags: string[]) => fails("train", "encoder", "--out", "m", ...flags);
  const options = (data: object) => ["--options", JSON.stringify({ epochs: 1, data })];
  const named = ["--head", "sequence-classification", "--data", "rows.csv"];
  expect(await train(...named, ...options({}))).toMatchObject({ code: "training/row-invalid", file: "rows.csv", field: "line 2: text" });
  expect(await train(...named, ...options({ text: "sentance" }))).toMatchObject({ code: "training/row-invalid", near: ["sentence"] });
  expect(await train(...named, ...options({ text: "sentence", label: "class" }))).toMatchObject({
    code: "training/nothing-wanted",
    file: "rows.csv",
    field: "line 3: label",
  });
  expect(await train("--head", "masked-token", "--data", "bad.jsonl", ...options({}))).toMatchObject({
    code: "training/row-invalid",
    field: "line 2: row",
  });
  expect(await train("--head", "masked-tokens", "--data", "rows.csv", ...options({ text: "sentence" }))).toMatchObject({
    code: "models/config-invalid",
    field: "head.task",
  });
  expect(await train("--head", "{}", "--data", "rows.csv", ...options({}))).toMatchObject({ code: "cli/flag-invalid" });
  expect(await fails("eval", "encoder", "--suite", "classify", "--data", "rows.csv")).toMatchObject({ code: "models/head-unfit" });
});
