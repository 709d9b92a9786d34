import { createModel, encoderDecoder, encoderDecoderConfig, forwardGraph, padRows, withWeights, type Checkpoint } from "@pare/models";
import { compile, createStore, openReference, type HostTensor, type StoredWeight } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import type { Written } from "../encode.ts";
import { writtenSequence, type Sequence } from "../sequence.ts";
import { subjectOf } from "../subject.ts";
import { letters, toyContext, toyModel } from "../testing/index.ts";
import { changeLayers, type ChangeLayersOptions, type LinearInputs } from "./layer-inputs.ts";

const WRITTEN: Written[] = [
  { tokens: [1, 5, 9, 20, 7, 8], start: 1 },
  { tokens: [1, 12, 13], start: 1 },
  { tokens: [1, 4, 4, 4, 9], start: 2 },
];

const WRITTEN_PAIRS: Written[] = [
  { tokens: [1, 5, 9, 2], source: [4, 5, 6, 7, 8], start: 1 },
  { tokens: [1, 12, 13, 14, 2], source: [9, 3], start: 1 },
];

const SEQUENCES = WRITTEN.map(writtenSequence);
const PAIRS = WRITTEN_PAIRS.map(writtenSequence);

function pairModel(): Checkpoint {
  const shape = { vocabularySize: 30, contextLength: 16, hiddenSize: 8, encoderLayers: 2, decoderLayers: 2, heads: 2, feedForward: 12 };
  return createModel(encoderDecoder.define, encoderDecoderConfig(shape), { seed: 3, tokenizer: letters });
}

/** Σ xᵀx over what each sequence alone reads at a weight. */
async function gramOf(model: Checkpoint, sequences: readonly Sequence[], weight: string): Promise<Float64Array> {
  const { registry } = await toyContext({ plugins: [encoderDecoder] });
  const { architecture } = subjectOf(model, registry);
  const site = `${weight}.input`;
  const store = createStore(openReference(), { weights: model.weights });
  const compiled = compile(
    forwardGraph(architecture, model.config, () => ({}), { sites: { [site]: { tap: "x" } } }),
    { store },
  );
  let gram = new Float64Array();
  for (const { tokens, source } of sequences) {
    const { x } = await compiled.run(padRows([tokens], source && [source]));
    const width = x.shape[2];
    if (gram.length === 0) gram = new Float64Array(width * width);
    for (let position = 0; position < x.shape[1]; position++) {
      for (let i = 0; i < width; i++)
        for (let j = 0; j < width; j++)
          gram[i * width + j] += (x.data[position * width + i] as number) * (x.data[position * width + j] as number);
    }
  }
  await store.dispose();
  return gram;
}

async function run(model: Checkpoint, options: Partial<ChangeLayersOptions> = {}) {
  const seen: LinearInputs[] = [];
  const changes = await changeLayers({
    model,
    sequences: SEQUENCES,
    batch: 2,
    sequential: true,
    statistic: "gram",
    change: async (weight) => (seen.push(weight), options.change?.(weight) ?? weight.stored),
    context: await toyContext({ plugins: [encoderDecoder] }),
    use: "test",
    ...Object.fromEntries(Object.entries(options).filter(([name]) => name !== "change")),
  });
  return { seen, changed: withWeights(model, changes) };
}

/** Half of what a weight was. */
async function halved(stored: StoredWeight): Promise<StoredWeight> {
  const dense = await stored.dense();
  const tensor: HostTensor = { ...dense, data: (dense.data as Float32Array).map((value) => value / 2) };
  return stored.withValues!(tensor);
}

function expectNear(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(found).toHaveLength(expected.length);
  const scale = Math.max(...Array.from(expected, Math.abs));
  for (let i = 0; i < expected.length; i++) expect(Math.abs(found[i] - expected[i])).toBeLessThan(1e-5 * scale);
}

describe("changeLayers", () => {
  it("sums what each weight reads, without padding and the last token", async () => {
    const { seen } = await run(toyModel());
    expect(seen.map(({ name }) => name)).toEqual(
      [0, 1].flatMap((layer) => ["query", "key", "value", "output"].map((name) => `layers.${layer}.${name}`)),
    );
    for (const { name, statistic, positions } of seen) {
      expect(positions).toBe(5 + 2 + 4);
      expectNear(statistic, await gramOf(toyModel(), SEQUENCES, name));
    }
    const squares = await run(toyModel(), { statistic: "squares", batch: 3 });
    squares.seen.forEach(({ statistic }, at) =>
      expectNear(
        statistic,
        Array.from(statistic, (_, i) => seen[at].statistic[i * statistic.length + i]),
      ),
    );
  });

  it("reads from changed earlier layers when sequential, from the given ones when not", async () => {
    const change = ({ stored }: LinearInputs) => halved(stored);
    const sequential = await run(toyModel(), { change });
    const name = "layers.1.value";
    const of = (seen: readonly LinearInputs[]) => seen.find((weight) => weight.name === name)!.statistic;
    expectNear(of(sequential.seen), await gramOf(sequential.changed, SEQUENCES, name));
    const together = await run(toyModel(), { change, sequential: false });
    expectNear(of(together.seen), await gramOf(toyModel(), SEQUENCES, name));
    // All matrices of a layer see the layer as it was before any of them changed.
    const output = "layers.0.output";
    expectNear(sequential.seen.find((weight) => weight.name === output)!.statistic, await gramOf(toyModel(), SEQUENCES, output));
  });

  it("follows an encoder–decoder, each mask where it belongs", async () => {
    const model = pairModel();
    const { seen, changed } = await run(model, { sequences: PAIRS, change: ({ stored }) => halved(stored) });
    const count = (name: string) => seen.find((weight) => weight.name === name)!.positions;
    expect([count("encoder.1.attention.query"), count("decoder.1.crossAttention.key"), count("decoder.0.attention.key")]).toEqual([
      7, 7, 7,
    ]);
    for (const name of ["encoder.1.attention.query", "decoder.1.attention.query"]) {
      const { statistic } = seen.find((weight) => weight.name === name)!;
      expectNear(statistic, await gramOf(changed, PAIRS, name));
    }
    const cross = seen.find(({ name }) => name === "decoder.1.crossAttention.key")!;
    expectNear(cross.statistic, await gramOf(changed, PAIRS, cross.name));
  });

  it("runs each layer alone: twice when sequential and not for what nobody reads", async () => {
    const context = await toyContext();
    let runs = 0;
    const device = openReference();
    const counting = { ...device, prepare: (steps: never) => ({ ...device.prepare(steps), run: async () => void runs++ }) };
    const options = { sequences: SEQUENCES.slice(0, 1), change: async ({ stored }: LinearInputs) => stored };
    await run(toyModel(), { ...options, context: { ...context, device: counting } });
    expect(runs).toBe(3);
    runs = 0;
    await run(toyModel(), { ...options, sequential: false, context: { ...context, device: counting } });
    expect(runs).toBe(2);
  });

  it("refuses inputs that are not finite", async () => {
    const model = toyModel();
    const broken = withWeights(model, [
      [
        "layers.0.value",
        model.weights.get("layers.0.value")!.withValues!({ dtype: "f32", shape: [8, 16], data: new Float32Array(128).fill(NaN) }),
      ],
    ]);
    await expect(run(broken)).rejects.toThrow(/layers\.0\.output[\s\S]*training\/inputs-not-finite/);
  });
});
