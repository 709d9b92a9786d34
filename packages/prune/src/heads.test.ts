import { memoryFiles } from "@pare/core";
import { padRows, type Checkpoint } from "@pare/models";
import { compile, createStore, f32, openReference, trace } from "@pare/tensor-core";
import { batchTensors, finetune, nextToken, subjectOf, traceLoss, writtenSequence, type Sequence } from "@pare/training";
import { describe, expect, it } from "vitest";
import { LINES, logitsOf, outputsOf, toyArchitecture, toyContext, toyModel, withQuantized, type ToyConfig } from "@pare/training/testing";
import { fused, fusedModel } from "../test/fused.ts";
import { heads, type HeadsOptions } from "./heads.ts";
import { headConfidence, headNegentropy } from "./attention-scores.ts";
import { measureHeads } from "./head-importance.ts";
import { headImportance, headImportanceArtifact } from "./importance.ts";
import { magnitude } from "./magnitude.ts";
import { michelImportance } from "./michel.ts";

const TOKENS = [1, 5, 9, 20, 7, 8];

function headsOf({ config }: Checkpoint): readonly (readonly number[])[] {
  return (config as ToyConfig).heads;
}

async function cut(options: HeadsOptions, model: Checkpoint = toyModel(), state: object = {}): Promise<Checkpoint> {
  return (await heads(options).run({ ...state, model }, await toyContext())).model;
}

/** Logits with gates `[heads]` per layer. */
async function gated(model: Checkpoint, gates: readonly (readonly number[])[]): Promise<Float32Array> {
  const sites = Object.fromEntries(gates.map((_, layer) => [`layers.${layer}.heads`, { gate: { input: `gate.${layer}` } }]));
  const inputs = Object.fromEntries(gates.map((gate, layer) => [`gate.${layer}`, f32([gate.length], gate)]));
  const { logits } = await outputsOf(toyArchitecture.define, model, { ...padRows([TOKENS]), ...inputs }, sites);
  return logits.data as Float32Array;
}

describe("prune/heads", () => {
  const importance = headImportance(
    new Map([
      ["layers.0.heads", [1, 2, 3, 4]],
      ["layers.1.heads", [9, 8, 0.1, 0.2]],
    ]),
    1,
  );

  it("computes what the whole model does with those heads shut", async () => {
    const model = await cut({ count: 3 }, undefined, { importance });
    expect(headsOf(model)).toEqual([
      [0, 1, 1],
      [0, 0],
    ]);
    expect(model.weights.get("layers.1.key")!.shape).toEqual([4, 16]);
    expect(model.weights.get("layers.1.output")!.shape).toEqual([16, 8]);
    const expected = await gated(toyModel(), [
      [0, 1, 1, 1],
      [1, 1, 0, 0],
    ]);
    (await logitsOf(model, TOKENS)).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
    expect(model.provenance.deeds).toMatchObject([{ use: "prune/heads", options: { count: 3, even: false } }]);
  });

  it("removes the same number everywhere when asked, and a share of all heads", async () => {
    const model = await cut({ fraction: 0.25, even: true }, undefined, { importance });
    expect(headsOf(model)).toEqual([
      [0, 1, 1],
      [0, 0, 1],
    ]);
  });

  it("takes a share of its own from each layer that is named, and cuts an architecture of which nothing is known here", async () => {
    expect(headsOf(await cut({ fraction: { "layers.1.heads": 0.5 } }, undefined, { importance }))).toEqual([
      [0, 0, 1, 1],
      [0, 0],
    ]);
    await expect(cut({ fraction: { "layers.7.heads": 0.5 } })).rejects.toMatchObject({ code: "prune/part-unknown" });
    const context = await toyContext({ plugins: [fused] });
    const model = fusedModel();
    const { model: narrow } = await heads({ count: 1, score: "magnitude" }).run({ model }, context);
    for (const { name, shape } of fused.define.weights(narrow.config)) expect(narrow.weights.get(name)!.shape).toEqual(shape);
    expect(narrow.config["heads"]).toBe(1);
  });

  it("keeps masks and sparse storages", async () => {
    const context = await toyContext();
    for (const [pattern, storage] of [
      ["unstructured", "dense"],
      ["unstructured", "sparse/csr"],
      ["4x1", "sparse/block"],
    ] as const) {
      const { model } = await magnitude({ sparsity: 0.5, pattern, storage: storage === "dense" ? "dense" : "sparse" }).run(
        { model: toyModel() },
        context,
      );
      const after = await cut({ count: 3 }, model, { importance });
      expect(after.weights.get("layers.1.query")!).toMatchObject({ storage, shape: [8, 16] });
      expect(after.weights.get("layers.1.query")!.mask).toBeDefined();
      const expected = await gated(model, [
        [0, 1, 1, 1],
        [1, 1, 0, 0],
      ]);
      (await logitsOf(after, TOKENS)).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
    }
  });

  it("scores by magnitude without data, and says so", async () => {
    const context = await toyContext();
    await heads({ count: 1 }).run({ model: toyModel() }, context);
    expect(context.events).toContainEqual(expect.objectContaining({ type: "choice", what: "score of heads", chosen: "magnitude" }));
  });

  it("scores at random by seed alone", async () => {
    const first = headsOf(await cut({ count: 3, score: "random" }));
    expect(headsOf(await cut({ count: 3, score: "random" }))).toEqual(first);
  });

  it("measures on data and retrains what is left", async () => {
    const context = await toyContext({ plugins: [finetune] });
    const { model } = await heads({ count: 2, data: LINES, examples: 8, retrain: { use: "train/finetune", data: LINES, steps: 3 } }).run(
      { model: toyModel() },
      context,
    );
    expect(headsOf(model).flat()).toHaveLength(6);
    expect(model.provenance.deeds.map(({ use }) => use)).toEqual(["prune/heads", "train/finetune"]);
  });

  it("scores anew after every so many heads, all of them together even when asked", async () => {
    const again = await cut({ count: 3, rescore: 1, data: LINES, examples: 6 });
    let step = toyModel();
    for (let round = 0; round < 3; round++) step = await cut({ count: 1, data: LINES, examples: 6 }, step);
    expect(again.config).toEqual(step.config);
    expect(again.provenance.deeds).toMatchObject([{ use: "prune/heads", options: { count: 3, rescore: 1 } }]);
    const even = await cut({ count: 5, rescore: 1, even: true, score: "magnitude" });
    expect(
      headsOf(even)
        .map(({ length }) => length)
        .sort(),
    ).toEqual([1, 2]);
    expect(() => heads({ count: 2, rescore: 1 })).toThrow(/scoring anew needs `data`/);
  });

  it("compares layers as they are when not normalised", async () => {
    // By layer 3/5.5 and 0.1/12: normalised or not decides which layer loses heads.
    const uneven = headImportance(
      new Map([
        ["layers.0.heads", [1, 2, 3, 4]],
        ["layers.1.heads", [50, 60, 80, 90]],
      ]),
      1,
    );
    expect(headsOf(await cut({ count: 3, normalise: false }, undefined, { importance: uneven })).map(({ length }) => length)).toEqual([
      1, 4,
    ]);
    expect(headsOf(await cut({ count: 3 }, undefined, { importance: uneven })).map(({ length }) => length)).toEqual([2, 3]);
    expect(() => heads({ count: 1, score: "random", normalise: false })).toThrow(/are normalised/);
  });

  it("takes importance by another score only where that is asked for", async () => {
    const { importance: unsure } = await measureHeads({ data: LINES, examples: 4, score: "entropy" }).run(
      { model: toyModel() },
      await toyContext(),
    );
    const context = await toyContext();
    const found = await heads({ count: 2 }).run({ model: toyModel(), importance: unsure } as never, context);
    expect(context.events).toContainEqual(expect.objectContaining({ chosen: "entropy", why: "importance is given" }));
    expect(headsOf(found.model).flat()).toHaveLength(6);
    await expect(cut({ count: 1, score: "confidence" }, undefined, { importance: unsure })).rejects.toMatchObject({
      code: "prune/importance-missing",
      report: { found: 'importance by "entropy"' },
    });
  });

  it("refuses what cannot be", async () => {
    await expect(cut({ count: 7 })).rejects.toMatchObject({ code: "prune/too-many-heads" });
    await expect(cut({ count: 1, score: "michel" })).rejects.toMatchObject({ code: "prune/importance-missing" });
    const other = headImportance(new Map([["layers.0.heads", [1, 2]]]), 1);
    await expect(cut({ count: 1 }, undefined, { importance: other })).rejects.toMatchObject({ code: "prune/importance-unfit" });
    await expect(cut({ count: 1 }, withQuantized(toyModel(), "layers.1.output"))).rejects.toMatchObject({ code: "prune/quantized-weight" });
    expect(() => heads({})).toThrow(/give one of `fraction` and `count`/);
  });
});

describe("michelImportance", () => {
  const sequences = [
    { tokens: TOKENS, start: 1 },
    { tokens: [1, 12, 13], start: 1 },
    { tokens: [1, 4, 4, 4, 9], start: 2 },
  ].map(writtenSequence);

  /** Mean loss of one sequence with gates. */
  async function lossAt(sequence: Sequence, gates: readonly (readonly number[])[]): Promise<number> {
    const model = toyModel();
    const context = await toyContext();
    const subject = subjectOf(model, context.registry);
    const sites = Object.fromEntries(gates.map((_, layer) => [`layers.${layer}.heads`, { gate: { input: `gate.${layer}` } }]));
    const graph = trace((tracer) => ({ loss: traceLoss(tracer, { subject, frozen: {}, objective: nextToken() }) }), { sites });
    const store = createStore(openReference(), { weights: model.weights });
    const { inputs, predictions } = batchTensors(subject, [sequence]);
    const gateInputs = Object.fromEntries(gates.map((gate, layer) => [`gate.${layer}`, f32([gate.length], gate)]));
    const { loss } = await compile(graph, { store }).run({ ...inputs, ...gateInputs, weight: f32([], [1 / predictions]) });
    return loss.data[0] as number;
  }

  it("is the mean over examples of the loss's slope in each gate, whatever the batch", async () => {
    const context = await toyContext();
    const options = { model: toyModel(), objective: nextToken(), sequences, context };
    const scores = await michelImportance({ ...options, batch: 2 });
    const step = 1e-2;
    for (const layer of [0, 1]) {
      for (const head of [0, 3]) {
        let expected = 0;
        for (const sequence of sequences) {
          const open = [
            [1, 1, 1, 1],
            [1, 1, 1, 1],
          ];
          const shifted = (by: number) =>
            lossAt(
              sequence,
              open.map((gate, l) => gate.map((value, h) => (l === layer && h === head ? value + by : value))),
            );
          expected += Math.abs((await shifted(step)) - (await shifted(-step))) / (2 * step) / sequences.length;
        }
        expect(scores.get(`layers.${layer}.heads`)![head]).toBeCloseTo(expected, 3);
      }
    }
    const whole = await michelImportance({ ...options, batch: 3 });
    whole.forEach((values, site) => values.forEach((value, head) => expect(value).toBeCloseTo(scores.get(site)![head], 5)));
  });

  it("is a value of the run state that saves and loads", async () => {
    const { importance } = await measureHeads({ data: LINES, examples: 4 }).run({ model: toyModel() }, await toyContext());
    const files = memoryFiles();
    await importance.save(files);
    const loaded = await headImportanceArtifact.load(files, await toyContext());
    expect(loaded.scores).toEqual(importance.scores);
    expect(await loaded.hash()).toBe(await importance.hash());
  });
});

describe("attention scores", () => {
  it("are means over positions of what each head's weights say", async () => {
    const context = await toyContext();
    const model = toyModel();
    const rows = [
      [1, 5, 9, 20],
      [1, 7, 3, 3, 4, 5],
    ];
    const sequences = rows.map((tokens) => writtenSequence({ tokens, start: 1 }));
    const options = { model, sequences, batch: 2, context, use: "test" };
    const [confidence, negentropy] = [await headConfidence(options), await headNegentropy(options)];
    for (const layer of [0, 1]) {
      const sums = Array.from({ length: 4 }, () => ({ confidence: 0, negentropy: 0, positions: 0 }));
      for (const tokens of rows) {
        const read = tokens.slice(0, -1);
        const weights = await attentionOf(model, read, layer);
        sums.forEach((sum, head) => {
          for (let query = 0; query < read.length; query++) {
            const row = Array.from({ length: read.length }, (_, key) => weights[(head * read.length + query) * read.length + key]);
            sum.confidence += Math.max(...row);
            sum.negentropy += row.reduce((total, p) => total + (p > 0 ? p * Math.log(p) : 0), 0);
            sum.positions++;
          }
        });
      }
      sums.forEach((sum, head) => {
        expect(confidence.get(`layers.${layer}.heads`)![head]).toBeCloseTo(sum.confidence / sum.positions, 5);
        expect(negentropy.get(`layers.${layer}.heads`)![head]).toBeCloseTo(sum.negentropy / sum.positions, 5);
      });
    }
  });
});

/** `[heads, queries, keys]` of one row. */
async function attentionOf(model: Checkpoint, tokens: readonly number[], layer: number): Promise<Float32Array> {
  const sites = { [`layers.${layer}.weights`]: { tap: "weights" } };
  const { weights } = await outputsOf(toyArchitecture.define, model, padRows([tokens]), sites);
  return weights.data as Float32Array;
}
