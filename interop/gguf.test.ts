/** GGUF files that we write, in llama.cpp, beside what we compute. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRegistry, type Registry } from "../packages/core/src/index.ts";
import { folderFiles, pathFiles } from "../packages/core/src/node.ts";
import { wasmBackend } from "../packages/backend-wasm/src/index.ts";
import {
  builtIn,
  createModel,
  freshSource,
  ggufExporter,
  gpt2,
  gpt2Config,
  llama as llamaArchitecture,
  llamaConfig,
  loadCheckpoint,
  openSession,
  withWeights,
  type Checkpoint,
  type Tokenizer,
  type TransformerShape,
} from "../packages/models/src/index.ts";
import { denseWeight, type Device } from "../packages/tensor-core/src/index.ts";
import { byteLevelTokenizer } from "./support/byte-level.ts";
import { greedy, openLlama } from "./support/llama.ts";

const registry: Registry = createRegistry(...builtIn, ggufExporter, wasmBackend);
const llama = await openLlama();
const DATA = fileURLToPath(new URL("../../shared/data/stories260K", import.meta.url));
if (!existsSync(DATA)) console.warn("skipped: ../shared/data/stories260K is not beside the checkout");

describe.skipIf(llama === undefined)("GGUF in llama.cpp", () => {
  let device: Device;
  let folder: string;
  beforeAll(async () => {
    device = (await wasmBackend.open())!;
    folder = await mkdtemp(join(tmpdir(), "pare-gguf-"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await device.close();
    await llama?.dispose();
  });

  /** 50 tokens after the prompt by the file as we read it, by llama.cpp, and how it reads the prompt itself. */
  async function bothOf(model: Checkpoint, type: "f32" | "f16", ids: readonly number[], prompt?: string) {
    await ggufExporter.define.write(model, { files: folderFiles(folder), registry, options: { type } });
    const path = join(folder, "model.gguf");
    const read = await loadCheckpoint(await pathFiles(path), registry);
    const session = openSession(read, { device, registry });
    const ours: number[] = [];
    for await (const [id] of session.generate({ prompts: [[...ids]], maxTokens: 50, stop: [] })) ours.push(id!);
    await session.dispose();
    const theirs = await greedy(llama!, path, { prompt, ids, tokens: 50 }, type === "f32" ? "F32" : "F16");
    return { ours, theirs, read };
  }

  it.skipIf(!existsSync(DATA)).each(["f32", "f16"] as const)(
    "stories260K in %s: the same ids and the same text for 50 tokens",
    async (type) => {
      const model = await loadCheckpoint(folderFiles(DATA), registry);
      const { tokenizer } = model;
      for (const prompt of ["Once upon a time", "The little dog, Tim, was very", '"Zoë!" 🙂 said']) {
        const ids = [1, ...tokenizer!.encode(prompt)];
        const { ours, theirs, read } = await bothOf(model, type, ids, prompt);
        expect(theirs.prompt).toEqual(ids.slice(1));
        expect(read.tokenizer!.encode(prompt)).toEqual(ids.slice(1));
        expect(theirs.ids).toEqual(ours);
        expect(theirs.text!.trimStart()).toBe(tokenizer!.decode(ours).trimStart());
      }
    },
  );

  const RANDOM: Readonly<Record<string, (shape: TransformerShape & { readonly layers: number }, tokenizer: Tokenizer) => Checkpoint>> = {
    gpt2: (shape, tokenizer) => createModel(gpt2.define, gpt2Config(shape), { seed: 12, tokenizer }),
    "llama with half-a-head pairs, grouped heads and logits of its own": (shape, tokenizer) =>
      createModel(llamaArchitecture.define, llamaConfig({ ...shape, keyValueHeads: 2, tied: false }), { seed: 11, tokenizer }),
    qwen2: (shape, tokenizer) => {
      const config = llamaConfig({ ...shape, keyValueHeads: 2, biases: ["query", "key", "value"] });
      const model = createModel(llamaArchitecture.define, config, { seed: 13, tokenizer });
      const biases = [...model.weights].flatMap(([name, { shape: size }]) => (name.endsWith(".bias") ? [{ name, shape: size }] : []));
      const drawn = biases.map(
        ({ name, shape: size }) =>
          [name, denseWeight(freshSource({ name, shape: size, role: "bias", initial: { normal: 0.5 } }, 1))] as const,
      );
      return withWeights(model, drawn);
    },
    qwen3: (shape, tokenizer) =>
      createModel(llamaArchitecture.define, llamaConfig({ ...shape, keyValueHeads: 2, headNorms: true, headDim: 24 }), {
        seed: 14,
        tokenizer,
      }),
  };

  it.each(Object.keys(RANDOM).flatMap((name) => (["f32", "f16"] as const).map((type) => [name, type] as const)))(
    "a random %s in %s: the same ids for text, and 50 tokens after it",
    async (name, type) => {
      const tokenizer = byteLevelTokenizer();
      // Rows to spare: vocabularies are padded.
      const shape = {
        vocabularySize: tokenizer.vocabularySize + 5,
        contextLength: 128,
        hiddenSize: 64,
        layers: 3,
        heads: 4,
        feedForward: 96,
      };
      const model = RANDOM[name]!(shape, tokenizer);
      const prompt = "the cat and  the dog, 1234 don't sing\n\nin Zoë's café 🙂";
      const ids = tokenizer.encode(prompt);
      const { ours, theirs, read } = await bothOf(model, type, ids, prompt);
      expect(theirs.prompt).toEqual(ids);
      expect(read.tokenizer!.encode(prompt)).toEqual(ids);
      expect(theirs.ids).toEqual(ours);
    },
  );
});
