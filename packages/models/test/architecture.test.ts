import { denseOf, f32, openReference, sitesOf, type Dim, type StoredWeight } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import {
  bert,
  declareInputs,
  encoderDecoder,
  gpt2,
  llama,
  llamaConfig,
  modelScope,
  openSession,
  t5,
  withConfig,
  xlnet,
  type Architecture,
  type Checkpoint,
  type HeadGroup,
} from "../src/index.ts";
import { registry, smallBert, smallEncoderDecoder, smallGpt2, smallLlama, smallQwen, smallT5, smallXlnet } from "./models.ts";

const CASES = [
  ["llama", llama.define, smallLlama()],
  ["llama with biases and norms of heads", llama.define, smallQwen()],
  ["gpt2", gpt2.define, smallGpt2()],
  ["encoder-decoder", encoderDecoder.define, smallEncoderDecoder()],
  ["t5", t5.define, smallT5("1.0")],
  ["t5 with gates", t5.define, smallT5("1.1")],
  ["bert", bert.define, smallBert()],
  ["bert with masked tokens", bert.define, smallBert({ task: "masked-token", activation: "gelu", tied: true })],
  [
    "bert with classes",
    bert.define,
    smallBert({ task: "sequence-classification", labels: ["no", "yes"], kind: "single", activation: "tanh" }),
  ],
  ["xlnet", xlnet.define, smallXlnet()],
  [
    "xlnet with classes",
    xlnet.define,
    smallXlnet({ task: "sequence-classification", labels: ["no", "yes"], kind: "single", activation: "tanh" }),
  ],
] as const;
const batchFor = (architecture: Architecture): { tokens: number[][]; sources?: number[][] } =>
  architecture.encode === undefined ? { tokens: [[1, 3, 4, 5]] } : { tokens: [[1, 3, 4, 5]], sources: [[6, 7, 8]] };

/** The matrix's blocks of `size` rows or columns that are kept, in order. */
async function keepBlocks(weight: StoredWeight, axis: 0 | 1, kept: readonly number[], size: number): Promise<StoredWeight> {
  const { data, shape } = await weight.dense();
  const [rows, columns = 1] = shape as [number, number];
  const places = kept.flatMap((block) => Array.from({ length: size }, (_, index) => block * size + index));
  const values =
    axis === 0
      ? places.flatMap((row) => Array.from((data as Float32Array).subarray(row * columns, (row + 1) * columns)))
      : Array.from({ length: rows }, (_, row) => places.map((column) => (data as Float32Array)[row * columns + column]!)).flat();
  if (shape.length === 1) return denseOf(f32([places.length], values));
  return denseOf(f32(axis === 0 ? [places.length, columns] : [rows, places.length], values));
}

async function withoutHeads(
  architecture: Architecture,
  checkpoint: Checkpoint,
  group: HeadGroup,
  kept: readonly number[],
): Promise<Checkpoint> {
  const config = architecture.withHeads(checkpoint.config, { [group.site]: kept });
  const keyValue = [...new Set(kept.map((head) => group.keyValueHeads[head]!))].sort((a, b) => a - b);
  const weights = new Map(checkpoint.weights);
  const attention = group.site.slice(0, -".heads".length);
  const cut = async (name: string, axis: 0 | 1, blocks: readonly number[]): Promise<void> => {
    const stored = weights.get(`${attention}.${name}`);
    if (stored !== undefined) weights.set(`${attention}.${name}`, await keepBlocks(stored, axis, blocks, group.headDim));
  };
  const positioned = ["position", "query.content", "query.position", "query.segment", "segment.same", "segment.other"];
  for (const name of ["query", "query.bias", ...positioned]) await cut(name, 0, kept);
  for (const name of ["key", "key.bias", "value", "value.bias"]) await cut(name, 0, keyValue);
  await cut("output", 1, kept);
  const wanted = new Set(architecture.weights(config).map(({ name }) => name));
  return withConfig(
    checkpoint,
    config,
    [...weights].filter(([name]) => wanted.has(name)),
  );
}

describe.each(CASES)("%s", (_, architecture, checkpoint) => {
  it("says exactly the weights that its graphs use", () => {
    const used = new Set<string>();
    sitesOf((tracer) => {
      const scope = modelScope(tracer, architecture, checkpoint.config);
      const noting = { ...scope, weight: (name: string) => (used.add(name), scope.weight(name)) };
      const inputs = declareInputs(tracer, architecture, checkpoint.config);
      const [batch, seq] = inputs.tokens.shape as [Dim, Dim];
      const logits = architecture.forward(noting, checkpoint.config, inputs);
      // What XLNet alone reads: the streams of tokens that are predicted.
      const permutation = { targets: tracer.input("targets", "f32", [batch, seq, seq]) };
      return { logits, permuted: architecture.forward(noting, checkpoint.config, { ...inputs, permutation }) };
    });
    expect([...used].sort()).toEqual(
      architecture
        .weights(checkpoint.config)
        .map(({ name }) => name)
        .sort(),
    );
  });

  it("names every linear, head group, branch and block", () => {
    const sites = sitesOf((tracer) => ({
      logits: architecture.forward(
        modelScope(tracer, architecture, checkpoint.config),
        checkpoint.config,
        declareInputs(tracer, architecture, checkpoint.config),
      ),
    }));
    expect(new Set(sites).size).toBe(sites.length);
    for (const { name, role } of architecture.weights(checkpoint.config))
      if (role === "linear") expect(sites).toEqual(expect.arrayContaining([name, `${name}.input`]));
    for (const { site } of architecture.heads(checkpoint.config)) expect(sites).toContain(site);
    for (const { prefixes } of architecture.layers(checkpoint.config))
      for (const prefix of prefixes) {
        expect(sites).toEqual(
          expect.arrayContaining([prefix.slice(0, -1), `${prefix}attention`, `${prefix}feedForward`, `${prefix}feedForward.neurons`]),
        );
      }
  });

  it("computes without removed heads what it computes with their gates shut, down to none", async () => {
    for (const group of architecture.heads(checkpoint.config)) {
      const heads = group.keyValueHeads.length;
      for (const kept of [[0], [heads - 1], [0, heads - 1], []]) {
        const pruned = await withoutHeads(architecture, checkpoint, group, kept);
        const small = openSession(pruned, { device: openReference(), registry });
        const full = openSession(checkpoint, { device: openReference(), registry, sites: { [group.site]: { gate: { input: "gate" } } } });
        const gate = f32(
          [heads],
          Array.from({ length: heads }, (__, head) => (kept.includes(head) ? 1 : 0)),
        );
        const expected = (await full.forward(batchFor(architecture), { gate })).data as Float32Array;
        const found = (await small.forward(batchFor(architecture))).data as Float32Array;
        found.forEach((value, index) => expect(value).toBeCloseTo(expected[index]!, 5));
        if (architecture.decode !== undefined) {
          const generated = [];
          for await (const step of small.generate({ prompts: [[1]], sources: batchFor(architecture).sources, maxTokens: 4, stop: [] }))
            generated.push(step);
          expect(generated.length).toBe(4);
        }
        await Promise.all([small.dispose(), full.dispose()]);
      }
    }
  });

  it("keeps the layers it is told to", async () => {
    for (const { stack, prefixes } of architecture.layers(checkpoint.config)) {
      const config = architecture.withLayers(checkpoint.config, { [stack]: [1] });
      expect(architecture.layers(config).find((one) => one.stack === stack)!.prefixes).toEqual([prefixes[0]]);
      expect(architecture.parse(config, "config")).toEqual(config);
    }
  });

  it.runIf(architecture.family !== "encoder")("does not see later tokens", async () => {
    const session = openSession(checkpoint, { device: openReference(), registry });
    const { tokens, sources } = batchFor(architecture);
    const one = (await session.forward({ tokens, sources })).data.subarray(0, 3 * 11);
    const two = (await session.forward({ tokens: [[...tokens[0]!.slice(0, 3), 9]], sources })).data.subarray(0, 3 * 11);
    expect(two).toEqual(one);
    await session.dispose();
  });
});

describe("configs", () => {
  it("say which field is wrong before a weight is named", () => {
    const shape = { vocabularySize: 10, contextLength: 8, hiddenSize: 12, layers: 1, heads: 4, feedForward: 8 };
    expect(() => llamaConfig(shape)).toThrow(/headDim/);
    expect(llamaConfig({ ...shape, hiddenSize: 16, keyValueHeads: 2 }).layers).toEqual([{ keyValueHeads: [0, 0, 1, 1], feedForward: 8 }]);
  });
});
