/** Models that lost structure: nothing is left of it in parameters, in bytes on disk, or in what other runtimes compute. */
import { describe, expect, it } from "vitest";
import { createRegistry, memoryFiles, pipeline, type Registry, type Step } from "../packages/core/src/index.ts";
import { wasmBackend } from "../packages/backend-wasm/src/index.ts";
import {
  builtIn,
  createModel,
  llama,
  llamaConfig,
  onnxExporter,
  openSession,
  wordTokenizer,
  type Checkpoint,
  type LlamaConfig,
} from "../packages/models/src/index.ts";
import { embedding, heads, layers, neurons, vocabulary, width, type PruneState } from "../packages/prune/src/index.ts";
import { sizeOf } from "../packages/tensor-core/src/index.ts";
import { textData } from "../packages/training/src/index.ts";
import { filled, int64 } from "./support/models.ts";
import { loadOrt, runOrt } from "./support/onnxruntime.ts";

const ort = loadOrt();
const registry: Registry = createRegistry(...builtIn, textData(), onnxExporter, wasmBackend);
const WORDS = Array.from({ length: 300 }, (_, index) => `w${index}`);
const text = Array.from({ length: 12 }, (_, line) => WORDS.slice(10 * line, 10 * line + 10).join(" ")).join("\n");

type Cut = Step<PruneState, { model: Checkpoint }>;

const STEPS: readonly (readonly [string, Cut])[] = [
  ["heads", heads({ count: 3, score: "magnitude" })],
  ["neurons", neurons({ fraction: 0.4, score: "random" })],
  ["layers", layers({ remove: [1] })],
  ["width", width({ size: 40, score: "magnitude" })],
  ["vocabulary", vocabulary({ data: { use: "text", text, separator: "\n" } })],
  ["embedding", embedding({ size: 16 })],
];

function whole(): Checkpoint {
  const tokenizer = wordTokenizer(WORDS);
  const { vocabularySize } = tokenizer;
  const shape = { vocabularySize, contextLength: 64, hiddenSize: 64, layers: 3, heads: 4, keyValueHeads: 2, feedForward: 96 };
  return createModel(llama.define, llamaConfig(shape), { seed: 7, tokenizer });
}

async function onDisk(model: Checkpoint): Promise<{ readonly folder: number; readonly onnx: Uint8Array }> {
  const [folder, onnx] = [memoryFiles(), memoryFiles()];
  await model.save(folder);
  await onnxExporter.define.write(model, { files: onnx, registry, options: {} });
  return { folder: await folder.size("model.safetensors"), onnx: await onnx.read("model.onnx") };
}

const parametersOf = ({ weights }: Checkpoint): number => [...weights.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** Largest difference of our logits and onnxruntime's. */
async function apart(model: Checkpoint, onnx: Uint8Array): Promise<number> {
  const tokens = [[1, 7, 30, 4, 9]];
  const device = (await wasmBackend.open())!;
  const session = openSession(model, { device, registry });
  try {
    const ours = (await session.forward({ tokens })).data as Float32Array;
    const places = tokens.map((row) => row.map((_, index) => index));
    const ones = tokens.map((row) => row.map(() => 1));
    const feeds = { input_ids: int64(filled(tokens, 5)), attention_mask: int64(ones), position_ids: int64(places) };
    const { logits } = await runOrt(ort!, onnx, feeds);
    const theirs = logits!.data as ArrayLike<number>;
    expect(theirs.length).toBe(ours.length);
    return ours.reduce((worst, value, at) => Math.max(worst, Math.abs(value - theirs[at]!)), 0);
  } finally {
    await session.dispose();
    await device.close();
  }
}

describe.skipIf(ort === undefined)("structured pruning in onnxruntime-node", () => {
  it.each(STEPS)("takes %s out of parameters and bytes alike, and leaves no mask", async (_name, step) => {
    const before = whole();
    const { model } = await pipeline<{ model: Checkpoint }>().step(step).run({ model: before }, { device: undefined, registry });
    const gone = parametersOf(before) - parametersOf(model);
    expect(gone).toBeGreaterThan(0);
    expect([...model.weights.values()].every(({ storage, mask }) => storage === "dense" && mask === undefined)).toBe(true);
    const [was, is] = [await onDisk(before), await onDisk(model)];
    // Four bytes each; what else is in the files are names.
    expect(Math.abs(was.folder - is.folder - 4 * gone)).toBeLessThan(3000);
    expect(Math.abs(was.onnx.length - is.onnx.length - 4 * gone)).toBeLessThan(12_000);
    expect(await apart(model, is.onnx)).toBeLessThan(1e-3);
  });

  it("runs what all of them leave together", async () => {
    const chain = STEPS.reduce((so, [, step]) => so.step(step as never), pipeline<{ model: Checkpoint }>());
    const { model } = await chain.run({ model: whole() }, { device: undefined, registry });
    const config = model.config as LlamaConfig;
    expect([config.layers.length, config.hiddenSize, config.embeddingSize, config.vocabularySize]).toEqual([2, 40, 16, 123]);
    expect(await apart(model, (await onDisk(model)).onnx)).toBeLessThan(1e-3);
  });
});
