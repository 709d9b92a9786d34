import { bert, headOf, padRows, extraOf, forwardGraph, type BertConfig } from "@pare/models";
import { compile, createStore, f32, openReference, trace } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { batchTensors } from "../batches.ts";
import type { Example } from "../data/data.ts";
import { objectiveFor, visited } from "../objective.ts";
import { maskedToken } from "../objectives/masked-token.ts";
import { encodeAll } from "../sequences.ts";
import { predictionsOf, type Sequence } from "../sequence.ts";
import { traceLoss } from "../step-graph.ts";
import { subjectOf, type Subject } from "../subject.ts";
import { toyContext, toyEncoder, words } from "../testing/index.ts";

const { registry } = await toyContext({ plugins: [bert] });

function subject(head: BertConfig["head"], contextLength?: number): Subject {
  return subjectOf(toyEncoder(head, contextLength === undefined ? {} : { contextLength }), registry);
}

function encode(model: Subject, examples: readonly Example[], maxTokens?: number): readonly Sequence[] {
  return encodeAll(model, examples, maxTokens).sequences;
}

/** The model's own loss over a batch that is padded by a silent row. */
async function lossOf(model: Subject, sequences: readonly Sequence[]): Promise<number> {
  const objective = objectiveFor(undefined, model, registry);
  const store = createStore(openReference(), { weights: model.checkpoint.weights });
  const { inputs, predictions } = batchTensors(model, sequences, { rows: 9 });
  const graph = trace((tracer) => ({ loss: traceLoss(tracer, { subject: model, frozen: {}, objective }) }));
  const { loss } = await compile(graph, { store }).run({ ...inputs, weight: f32([], [1 / predictions]) });
  await store.dispose();
  return loss!.data[0] as number;
}

/** What the head gives for each row alone, without padding. */
async function outputsOf({ architecture, checkpoint }: Subject, sequences: readonly Sequence[]): Promise<number[][]> {
  const store = createStore(openReference(), { weights: checkpoint.weights });
  const compiled = compile(forwardGraph(architecture, checkpoint.config), { store });
  const outputs: number[][] = [];
  for (const { tokens, extra } of sequences.flatMap((sequence) => [sequence, ...(sequence.others ?? [])])) {
    const given = extraOf(architecture, checkpoint.config, { tokenTypes: [[...extra!["tokenTypes"]!]] });
    outputs.push([...((await compiled.run(padRows([tokens], undefined, { extra: given })))["logits"]!.data as Float32Array)]);
  }
  await store.dispose();
  return outputs;
}

function nll(logits: readonly number[], target: number): number {
  return Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0)) - logits[target]!;
}

const labels = ["good", "bad", "neither"];
const classes = { task: "sequence-classification", labels, kind: "single", activation: "tanh" } as const;

describe("sequence classification", () => {
  it("knows classes by name and by index, and what a row's marks are", () => {
    const model = subject(classes);
    const sequences = encode(model, [
      { target: "the film was good", wanted: { label: "good" } },
      { source: "the film", target: "was bad", wanted: { label: 1 } },
      { target: "red" },
    ]);
    expect(sequences.map(({ targets }) => targets)).toEqual([[0], [1], [-1]]);
    expect(sequences[1]!.extra).toEqual({ tokenTypes: [0, 0, 0, 0, 1, 1, 1] });
    expect(words.decode(sequences[1]!.tokens)).toBe("the film was bad");
    const place = { file: "rows.jsonl", line: 7 };
    expect(() => encode(model, [{ target: "a", wanted: { label: "goood" }, place }])).toThrow(
      /rows\.jsonl: line 7: label[\s\S]*good[\s\S]*training\/example-unfit/,
    );
    expect(() => encode(model, [{ target: "a", wanted: { label: 3 } }])).toThrow(/training\/example-unfit/);
  });

  it("is the mean negative log likelihood of the classes", async () => {
    const model = subject(classes);
    const sequences = encode(model, [
      { target: "the film was good", wanted: { label: "good" } },
      { source: "the film", target: "was bad", wanted: { label: "bad" } },
    ]);
    const outputs = await outputsOf(model, sequences);
    expect(await lossOf(model, sequences)).toBeCloseTo((nll(outputs[0]!, 0) + nll(outputs[1]!, 1)) / 2, 5);
  });

  it("is binary cross-entropy where several classes hold, and squared error of numbers", async () => {
    const several = subject({ ...classes, kind: "multiple" });
    const tagged = encode(several, [{ target: "the film", wanted: { label: ["good", "neither"] } }]);
    const [logits] = await outputsOf(several, tagged);
    const expected = logits!.reduce((sum, x, index) => sum - Math.log(1 / (1 + Math.exp(index === 1 ? x : -x))), 0) / 3;
    expect(await lossOf(several, tagged)).toBeCloseTo(expected, 5);
    const number = subject({ ...classes, labels: ["value"], kind: "regression" });
    const rated = encode(number, [
      { target: "the film", wanted: { label: 2.5 } },
      { target: "a tea", wanted: { label: "-1" } },
    ]);
    const [[x], [y]] = await outputsOf(number, rated);
    expect(await lossOf(number, rated)).toBeCloseTo(((x! - 2.5) ** 2 + (y! + 1) ** 2) / 2, 5);
    expect(() => encode(number, [{ target: "a", wanted: { label: "many" } }])).toThrow(/training\/example-unfit/);
  });
});

describe("token classification", () => {
  it("asks of each word's first token", async () => {
    const model = subject({ task: "token-classification", labels: ["O", "NAME"] });
    const tags = [
      { begin: 0, end: 3, tag: "NAME" },
      { begin: 4, end: 9, tag: "O" },
      { begin: 10, end: 14, tag: "NAME" },
    ];
    const sequences = encode(model, [{ target: "ann likes teas", wanted: { tags } }]);
    // [CLS] ann likes tea ##s [SEP]
    expect(sequences[0]!.targets).toEqual([-1, 1, 0, 1, -1, -1]);
    const [output] = await outputsOf(model, sequences);
    const expected = [1, 2, 3].reduce((sum, at) => sum + nll(output!.slice(2 * at, 2 * at + 2), sequences[0]!.targets[at]!), 0) / 3;
    expect(await lossOf(model, sequences)).toBeCloseTo(expected, 5);
    expect(encode(model, [{ target: "ann likes teas", wanted: { tags } }], 5)[0]!.targets).toEqual([-1, 1, 0, 1, -1]);
    const { checkpoint, ...rest } = model;
    const fromLeft = { ...rest, checkpoint: { ...checkpoint, tokenizer: { ...checkpoint.tokenizer!, truncationSide: "left" as const } } };
    expect(encode(fromLeft, [{ target: "ann likes teas", wanted: { tags } }], 5)[0]!.targets).toEqual([-1, 0, 1, -1, -1]);
    const place = { file: "t.tsv", line: 2 };
    expect(() => encode(model, [{ target: "ann", wanted: { tags: [{ begin: 0, end: 3, tag: "name" }] }, place }])).toThrow(/line 2: tags/);
  });
});

describe("question answering", () => {
  const model = subject({ task: "question-answering" });
  const passage = "the red tea was good . ann likes blue milk very .";
  const ask = (text: string): Example => ({
    source: "who likes milk ?",
    target: passage,
    wanted: { answers: text === "" ? [] : [{ begin: passage.indexOf(text), text }] },
  });

  it("finds the tokens of the answer, and is the mean of both places' negative log likelihoods", async () => {
    const sequences = encode(model, [ask("ann"), ask("blue milk"), ask("")]);
    expect(sequences.map(({ targets }) => targets)).toEqual([
      [12, 12],
      [14, 15],
      [0, 0],
    ]);
    const outputs = await outputsOf(model, sequences);
    const side = (output: readonly number[], which: 0 | 1): number[] => output.filter((_, index) => index % 2 === which);
    const each = sequences.flatMap(({ targets }, row) => [
      nll(side(outputs[row]!, 0), targets[0]!),
      nll(side(outputs[row]!, 1), targets[1]!),
    ]);
    expect(await lossOf(model, sequences)).toBeCloseTo(each.reduce((a, b) => a + b) / 6, 5);
  });

  it("reads a long passage where the answer is, and only when asked to", () => {
    const short = subject({ task: "question-answering" }, 14);
    expect(() => encode(short, [ask("blue milk")])).toThrow(/training\/example-too-long/);
    const [cut] = encode(short, [ask("blue milk")], 14);
    const { tokens, targets } = cut!;
    expect(tokens).toHaveLength(14);
    expect(words.decode(tokens.slice(targets[0]!, targets[1]! + 1))).toBe("blue milk");
  });
});

describe("multiple choice", () => {
  it("lets the rows of each example compete, however many they are", async () => {
    const model = subject({ task: "multiple-choice", activation: "tanh" });
    const sequences = encode(model, [
      { target: "ann likes", wanted: { choices: ["tea", "red", "the"], right: 0 } },
      { target: "the film was", wanted: { choices: ["bob", "good"], right: 1 } },
    ]);
    expect(sequences.map(({ others }) => others!.length)).toEqual([2, 1]);
    const logits = (await outputsOf(model, sequences)).map(([x]) => x!);
    expect(await lossOf(model, sequences)).toBeCloseTo((nll(logits.slice(0, 3), 0) + nll(logits.slice(3), 1)) / 2, 5);
  });
});

describe("sentence embedding", () => {
  it("lets each first text find its second among those of the batch", async () => {
    const model = subject({ task: "sentence-embedding", pooling: "mean", normalise: false });
    const sequences = encode(model, [
      { source: "the film was good", target: "a great film" },
      { source: "ann likes tea", target: "ann likes milk" },
      { source: "red", target: "blue" },
    ]);
    const vectors = await outputsOf(model, sequences);
    const cosine = (a: readonly number[], b: readonly number[]): number => {
      const dot = (x: readonly number[], y: readonly number[]): number => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
      return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
    };
    const losses = [0, 2, 4].map((at) =>
      nll(
        [1, 3, 5].map((other) => 20 * cosine(vectors[at]!, vectors[other]!)),
        at / 2,
      ),
    );
    expect(await lossOf(model, sequences)).toBeCloseTo(losses.reduce((a, b) => a + b) / 3, 4);
  });
});

describe("masked tokens", () => {
  const model = subject({ task: "masked-token", activation: "gelu", tied: true });
  const text = Array.from({ length: 20 }, (_, i) => ["the", "red", "tea", "was"][i % 4]).join(" ");
  const sequences = encode(
    model,
    Array.from({ length: 200 }, () => ({ target: text })),
  );
  const mask = words.special.mask!;

  it("asks for the share it is told to, 80 % behind masks, 10 % behind other tokens, 10 % as they are", () => {
    const seen = visited(maskedToken(), model, sequences, [...sequences.keys()], { seed: 3 });
    const fates = { masked: 0, other: 0, same: 0 };
    for (const [row, { tokens, targets }] of seen.entries()) {
      const before = sequences[row]!.tokens;
      expect(predictionsOf({ targets })).toBe(3);
      for (const [at, target] of targets.entries()) {
        if (target < 0) expect(tokens[at]).toBe(before[at]);
        else {
          expect(target).toBe(before[at]);
          fates[tokens[at] === mask ? "masked" : tokens[at] === before[at] ? "same" : "other"]++;
        }
      }
      expect([targets[0], targets.at(-1)]).toEqual([-1, -1]);
    }
    const total = 600;
    // Three standard deviations of a binomial count; of 33 tokens one is the token itself and one the mask.
    expect(Math.abs(fates.masked - 0.8 * total)).toBeLessThan(30);
    expect(Math.abs(fates.other - 0.1 * total)).toBeLessThan(25);
    expect(Math.abs(fates.same - 0.1 * total)).toBeLessThan(25);
  });

  it("asks for the same again with the same seed and epoch, and for others in another", () => {
    const ask = (seed: number, epoch: number) => visited(maskedToken({ maskProbability: 0.3 }), model, sequences, [4, 5], { seed, epoch });
    expect(ask(1, 2)).toEqual(ask(1, 2));
    expect(ask(1, 2)).not.toEqual(ask(1, 3));
    expect(ask(1, 2)).not.toEqual(ask(2, 2));
    expect(ask(1, 2)[0]).not.toEqual(ask(1, 2)[1]);
    expect(visited(maskedToken({ maskProbability: 0.3 }), model, sequences, [5], { seed: 1, epoch: 2 })[0]).toEqual(ask(1, 2)[1]);
  });

  it("is the mean negative log likelihood of what it asks for", async () => {
    const seen = visited(maskedToken(), model, sequences.slice(0, 2), [0, 1], { seed: 3 });
    const { width } = headOf(model.architecture, model.checkpoint.config);
    const outputs = await outputsOf(model, seen);
    const each = seen.flatMap(({ targets }, row) =>
      targets.flatMap((target, at) => (target < 0 ? [] : [nll(outputs[row]!.slice(at * width, (at + 1) * width), target)])),
    );
    expect(each).toHaveLength(6);
    expect(await lossOf(model, seen)).toBeCloseTo(each.reduce((a, b) => a + b) / 6, 5);
  });

  it("never asks for marks, and needs something to ask for", () => {
    expect(() => encode(model, [{ target: " " }])).toThrow(/training\/example-empty/);
    expect(() => encode(model, [{ target: "the ".repeat(40) }])).toThrow(/training\/example-too-long/);
    expect(encode(model, [{ target: "the ".repeat(40) }], 10)[0]!.tokens).toHaveLength(10);
  });
});

it("an objective of another head is refused", () => {
  expect(() => objectiveFor(maskedToken(), subject(classes), registry)).toThrow(/training\/objective-unfit/);
  expect(() => objectiveFor(undefined, subject({ task: "features" }), registry)).toThrow(/training\/objective-unfit/);
});
