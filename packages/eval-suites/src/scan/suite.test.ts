import { createRegistry, type Context } from "@pare/core";
import {
  FRESH,
  builtIn,
  createModel,
  encoderDecoder,
  encoderDecoderConfig,
  llama,
  llamaConfig,
  openSession,
  seenData,
  wordTokenizer,
  withSeen,
} from "@pare/models";
import { openReference } from "@pare/tensor-core";
import { encodeExample, hashExample, hashExamples, type Example } from "@pare/training";
import { describe, expect, it } from "vitest";
import { evaluate } from "../evaluate.ts";
import { perplexity } from "../perplexity.ts";
import { isWritten, scoreRows } from "../score.ts";
import { scanData } from "./data.ts";
import { scanExamples } from "./splits.ts";
import { scanLength, scanSimple } from "./suite.ts";

const words = new Set(scanExamples("turn-left", "test").flatMap(({ source = "", target }) => `${source} ${target}`.split(" ")));
const tokenizer = wordTokenizer(words);
const sizes = { vocabularySize: tokenizer.vocabularySize, contextLength: 128, hiddenSize: 16, heads: 2, feedForward: 16, tied: false };
const model = createModel(encoderDecoder.define, encoderDecoderConfig({ ...sizes, encoderLayers: 1, decoderLayers: 1 }), {
  seed: 3,
  tokenizer,
  provenance: FRESH,
});
const decoder = createModel(llama.define, llamaConfig({ ...sizes, layers: 1 }), { seed: 3, tokenizer, provenance: FRESH });

function contextOf(seed = 1): Context {
  const registry = createRegistry(...builtIn, scanData, scanSimple, scanLength, perplexity) as Context["registry"];
  return { seed, signal: new AbortController().signal, registry, device: openReference(), emit: () => {} };
}

describe("the suites of SCAN", () => {
  it("report what was run, on a sample that the seed decides", async () => {
    const suites = [
      { use: "scan/simple", examples: 6 },
      { use: scanLength, examples: 3 },
    ];
    const [simple, long] = (await evaluate(model, suites, contextOf())).results;
    expect(simple).toMatchObject({
      suite: "scan/simple",
      label: "out-of-domain",
      testExamples: 4182,
      metrics: { accuracy: 0, accuracyLow: 0, correct: 0, examples: 6, seen: 0 },
    });
    expect(simple!.metrics["accuracyHigh"]).toBeCloseTo(0.3903, 4);
    expect(long).toMatchObject({ suite: "scan/length", metrics: { examples: 3 }, published: [{ accuracy: 0.138 }] });
    const hashOf = async (seed: number): Promise<unknown> => (await evaluate(model, [suites[0]!], contextOf(seed))).results[0]!["dataHash"];
    expect(await hashOf(1)).toBe(simple!["dataHash"]);
    expect(await hashOf(2)).not.toBe(simple!["dataHash"]);
  });

  it("count what the model has seen, and refuse it a domain", async () => {
    const test = scanExamples("length", "test");
    const trained = withSeen(model, [seenData("scan/simple", test.slice(0, 3000).map(hashExample))]);
    const [result] = (await evaluate(trained, [{ use: "scan/length", examples: 40, batch: 40 }], contextOf())).results;
    expect(result).toMatchObject({ label: "seen in training" });
    expect(result!.metrics["seen"]).toBeGreaterThan(20);
  });

  it("take decoders, whose prompt is the command", async () => {
    const [result] = (await evaluate(decoder, [{ use: "scan/simple", examples: 2 }], contextOf())).results;
    expect(result!.metrics).toMatchObject({ examples: 2, accuracy: 0 });
  });

  it("refuse a model without tokenizer, without the words, and a context without device", async () => {
    const make = (other: typeof tokenizer | undefined) =>
      createModel(
        encoderDecoder.define,
        encoderDecoderConfig({ ...sizes, vocabularySize: other?.vocabularySize ?? 9, encoderLayers: 1, decoderLayers: 1 }),
        { seed: 1, tokenizer: other },
      );
    const run = (subject: typeof model, context = contextOf()) => evaluate(subject, [{ use: "scan/simple", examples: 50 }], context);
    await expect(run(make(undefined))).rejects.toMatchObject({ code: "training/tokenizer-incomplete" });
    await expect(run(make(wordTokenizer([...words].filter((word) => word !== "I_JUMP"))))).rejects.toMatchObject({
      code: "eval-suites/vocabulary-lacks",
      report: { found: "no ids for I_JUMP" },
    });
    await expect(run(model, { ...contextOf(), device: undefined })).rejects.toMatchObject({ code: "training/device-missing" });
  });

  it("find exact what greedy decoding writes", async () => {
    const context = contextOf();
    const session = openSession(model, { device: openReference(), registry: context.registry });
    const sources = scanExamples("turn-left", "test")
      .slice(0, 5)
      .map(({ source }) => tokenizer.encode(source!));
    const written: number[][] = sources.map(() => [tokenizer.special.begin!]);
    for await (const step of session.generate({ prompts: written.map((row) => [...row]), sources, maxTokens: 12, stop: [] })) {
      for (const [row, token] of step.entries()) if (token !== undefined) written[row]!.push(token);
    }
    expect(written.map((row) => row.length)).toEqual([13, 13, 13, 13, 13]);
    const rows = written.map((tokens, index) => ({ tokens, source: sources[index]!, start: 1 }));
    const spoiled = rows.map((row) => ({
      ...row,
      tokens: row.tokens.with(row.tokens.length - 1, (row.tokens.at(-1)! + 1) % tokenizer.vocabularySize),
    }));
    const scores = await scoreRows(session, [...rows, ...spoiled], { batch: 4, message: "rows" }, context);
    expect([...rows, ...spoiled].map((row, index) => isWritten(row, scores[index]!))).toEqual([
      ...rows.map(() => true),
      ...rows.map(() => false),
    ]);
    await session.dispose();
  });
});

/** From the decoder's logits, one row at a time: −log softmax at each next token. */
async function meanNll(pieces: readonly string[]): Promise<number> {
  const session = openSession(decoder, { device: openReference(), registry: contextOf().registry });
  const terms: number[] = [];
  for (const piece of pieces) {
    const row = [tokenizer.special.begin!, ...tokenizer.encode(piece)];
    const { data, shape } = await session.forward({ tokens: [row] });
    const size = shape[2]!;
    for (const [index, token] of row.slice(1).entries()) {
      const logits = Array.from(data.subarray(index * size, (index + 1) * size), Number);
      terms.push(Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[token]!);
    }
  }
  await session.dispose();
  return terms.reduce((sum, term) => sum + term, 0) / terms.length;
}

describe("perplexity", () => {
  const text = "walk left | jump | run twice and walk";
  const options = { use: "perplexity", data: text, separator: "\\|" };

  it("is the mean over predicted tokens, each given all before it", async () => {
    const [result] = (await evaluate(decoder, [options], contextOf())).results;
    const { nll, perplexity: ppl, predictions, tokens, examples, bitsPerByte } = result!.metrics;
    expect({ predictions, tokens, examples }).toEqual({ predictions: 7, tokens: 10, examples: 3 });
    expect(nll).toBeCloseTo(await meanNll(["walk left", "jump", "run twice and walk"]), 5);
    expect(ppl).toBeCloseTo(Math.exp(nll!), 10);
    const bytes = "walk left".length + "jump".length + "run twice and walk".length;
    expect(bitsPerByte).toBeCloseTo((7 * nll!) / Math.LN2 / bytes, 10);
    const alone = await Promise.all(
      [0, 1, 2].map(async (skip) => (await evaluate(decoder, [{ ...options, skip, examples: 1 }], contextOf())).results[0]!.metrics),
    );
    const whole = alone.reduce((sum, metrics) => sum + metrics["nll"]! * metrics["predictions"]!, 0);
    expect(whole / 7).toBeCloseTo(nll!, 6);
    expect(alone[0]).not.toHaveProperty("nllLow");
  });

  it("hashes the pieces that were run and counts those that training saw", async () => {
    const pieces: Example[] = [{ target: "walk left" }, { target: "jump" }];
    const trained = withSeen(decoder, [seenData("text", [hashExample(pieces[1]!)])]);
    const [result] = (await evaluate(trained, [{ ...options, examples: 2 }], contextOf())).results;
    expect(result).toMatchObject({ label: "seen in training", dataHash: await hashExamples(pieces), metrics: { seen: 1, pieces: 3 } });
  });

  it("refuses what it cannot measure, with the reason", async () => {
    const run = (subject: typeof model, given: object) => evaluate(subject, [{ use: "perplexity", ...given }], contextOf());
    await expect(run(decoder, {})).rejects.toMatchObject({ code: "eval-suites/data-missing" });
    await expect(run(decoder, { data: { use: "scan", split: "jump" } })).rejects.toMatchObject({ code: "eval-suites/data-missing" });
    await expect(run(model, options)).rejects.toMatchObject({ code: "eval-suites/family-unfit" });
    await expect(run(decoder, { ...options, separator: "(" })).rejects.toMatchObject({ code: "training/separator-invalid" });
    await expect(run(decoder, { ...options, minChars: 99 })).rejects.toMatchObject({
      code: "training/data-empty",
      report: { found: "0 of 3 pieces are that long" },
    });
    await expect(run(decoder, { ...options, maxTokens: 1 })).rejects.toMatchObject({ code: "core/options-invalid" });
  });

  it("cuts rows to maxTokens, begin token counted", async () => {
    const [result] = (await evaluate(decoder, [{ ...options, maxTokens: 3 }], contextOf())).results;
    expect(result!.metrics).toMatchObject({ tokens: 8, predictions: 5 });
    expect(encodeExample(tokenizer, "decoder", { target: "run twice and walk" }, 3).tokens).toHaveLength(3);
  });
});
