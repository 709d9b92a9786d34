import { memoryFiles, readText, writeText, type MutableFileSet } from "@pare/core";
import { readSafetensors, writeSafetensors } from "@pare/formats";
import { affineOf, denseOf, f32, normal, openReference, sourceOf, type HostTensor, type TensorSource } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import {
  createModel,
  encoderDecoder,
  huggingFaceExporter,
  llama,
  llamaConfig,
  loadCheckpoint,
  openSession,
  saveHuggingFace,
  withConfig,
  withWeights,
  type Architecture,
  type Checkpoint,
  type LlamaConfig,
} from "../src/index.ts";
import { goldenFiles, goldenNames, openGolden } from "./goldens.ts";
import { registry, smallEncoderDecoder, smallLlama } from "./models.ts";

async function written(checkpoint: Checkpoint, architecture: Architecture): Promise<MutableFileSet> {
  const files = memoryFiles({}, "folder");
  await saveHuggingFace(checkpoint, architecture, files);
  return files;
}

async function values(checkpoint: Checkpoint): Promise<Record<string, unknown>> {
  const named = [...checkpoint.weights].map(async ([name, weight]) => [name, (await weight.dense()).data] as const);
  return Object.fromEntries(await Promise.all(named));
}

/** Of the kind of Qwen 3. */
function withNorms(): Checkpoint {
  const sizes = { contextLength: 96, hiddenSize: 16, layers: 2, heads: 4, keyValueHeads: 2, headDim: 6, feedForward: 24 };
  const { tokenizer } = smallLlama();
  const { vocabularySize } = tokenizer!;
  const config = llamaConfig({ ...sizes, vocabularySize, biases: ["query", "key", "value", "output"], headNorms: true });
  return createModel(llama.define, config, { seed: 3, tokenizer });
}

/** Every weight with numbers that differ, norms and biases too. */
async function noisy(model: Checkpoint): Promise<Checkpoint> {
  const changes = [...model.weights].map(async ([name, weight], at) => {
    const { data, shape } = await weight.dense();
    const noise = normal(9, at, data.length);
    return [
      name,
      denseOf(
        f32(
          shape,
          (data as Float32Array).map((value, index) => value + 0.3 * noise[index]!),
        ),
      ),
    ] as const;
  });
  return withWeights(model, await Promise.all(changes));
}

async function logitsOf(model: Checkpoint, tokens: readonly (readonly number[])[]): Promise<number[]> {
  const session = openSession(model, { device: openReference(), architecture: llama.define });
  const { data, shape } = await session.forward({ tokens });
  await session.dispose();
  const [, width, vocabulary] = shape as [number, number, number];
  return tokens.flatMap((row, index) => [
    ...(data as Float32Array).subarray(index * width * vocabulary, (index * width + row.length) * vocabulary),
  ]);
}

/** Changes the tensors of a folder. */
async function rewrite(files: MutableFileSet, change: (tensors: Map<string, TensorSource>) => void): Promise<void> {
  const { tensors, metadata } = await readSafetensors(files);
  const held = await Promise.all([...tensors].map(async ([name, source]) => [name, sourceOf(await source.read())] as const));
  const changed = new Map<string, TensorSource>(held);
  change(changed);
  await writeSafetensors(files, { tensors: changed, metadata });
}

async function edit(files: MutableFileSet, change: (config: Record<string, unknown>) => void): Promise<void> {
  const json = JSON.parse(await readText(files, "config.json")) as Record<string, unknown>;
  change(json);
  await writeText(files, "config.json", JSON.stringify(json));
}

describe("a folder of the transformers library", () => {
  it.each(goldenNames())("comes back the same from what was read of it: %s", async (name) => {
    const { checkpoint, architecture } = await openGolden(name, registry);
    const files = await written(checkpoint, architecture);
    const [before, after] = [goldenFiles(name), files].map(async (folder) => JSON.parse(await readText(folder, "config.json")) as object);
    expect(await after).toMatchObject(await before!);
    const [old, fresh] = [await readSafetensors(goldenFiles(name)), await readSafetensors(files)];
    for (const [tensor, source] of fresh.tensors) expect((await source.read()).data).toEqual((await old.tensors.get(tensor)!.read()).data);
    expect(await values(await loadCheckpoint(files, registry))).toEqual(await values(checkpoint));
  });

  it("keeps what the config holds besides", async () => {
    const { checkpoint, architecture } = await openGolden("llama", registry);
    const changed = withConfig(
      checkpoint,
      { ...checkpoint.config, huggingface: { model_type: "llama", mood: "sunny" } },
      checkpoint.weights,
    );
    expect(JSON.parse(await readText(await written(changed, architecture), "config.json"))).toMatchObject({ mood: "sunny" });
  });

  it.each([
    ["plain", smallLlama],
    ["with biases and norms of heads", withNorms],
  ])("says rotary pairs of neighbours as the library's, half a head apart: %s", async (_name, make) => {
    const adjacent = await noisy(withConfig(make(), { ...make().config, ropePairing: "adjacent" }, make().weights));
    const again = await loadCheckpoint(await written(adjacent, llama.define), registry);
    expect(again.config["ropePairing"]).toBe("half");
    const tokens = [
      [1, 4, 3, 5, 6, 3, 4],
      [1, 6],
    ];
    const [before, after] = await Promise.all([adjacent, again].map((model) => logitsOf(model, tokens)));
    before!.forEach((value, index) => expect(after![index]).toBeCloseTo(value, 5));
    const turnedTwice = await logitsOf(withConfig(again, { ...again.config, ropePairing: "adjacent" }, again.weights), tokens);
    expect(Math.max(...turnedTwice.map((value, index) => Math.abs(value - before![index]!)))).toBeGreaterThan(0.01);
  });

  it("writes whole floats as floats, which the library asks for", async () => {
    const { checkpoint, architecture } = await openGolden("t5", registry);
    const text = await readText(await written(checkpoint, architecture), "config.json");
    expect(text).toMatch(/"initializer_factor": 1\.0,?$/m);
    expect(text).toMatch(/"classifier_dropout": 0\.0,?$/m);
    expect(text).toMatch(/"d_model": \d+,?$/m);
  });

  it("is read in shards", async () => {
    const files = await written(smallLlama(), llama.define);
    const { tensors } = await readSafetensors(files);
    const names = [...tensors.keys()];
    const half = names.length >> 1;
    const weightMap: Record<string, string> = {};
    for (const [shard, part] of Object.entries({ "a.safetensors": names.slice(0, half), "b.safetensors": names.slice(half) })) {
      await writeSafetensors(files, { tensors: new Map(part.map((one) => [one, tensors.get(one)!])), metadata: {} }, shard);
      for (const one of part) weightMap[one] = shard;
    }
    await writeText(files, "model.safetensors.index.json", JSON.stringify({ metadata: {}, weight_map: weightMap }));
    await files.remove("model.safetensors");
    expect(await values(await loadCheckpoint(files, registry))).toEqual(await values(smallLlama()));
  });

  it("takes names with and without the base model's prefix, and says what it left aside", async () => {
    const { tensors } = await readSafetensors(await written(smallLlama(), llama.define));
    const files = await written(smallLlama(), llama.define);
    await rewrite(files, (all) => {
      for (const [name, source] of tensors) {
        all.delete(name);
        all.set(name.replace(/^model\./, ""), source);
      }
      all.set("lm_head.weight", tensors.get("model.embed_tokens.weight")!);
    });
    const loaded = await loadCheckpoint(files, registry);
    expect(await values(loaded)).toEqual(await values(smallLlama()));
    await files.remove("provenance.json");
    expect((await loadCheckpoint(files, registry)).provenance).toEqual({
      seen: undefined,
      deeds: [],
      origin: "a transformers folder (llama, LlamaForCausalLM); left aside: lm_head.weight",
    });
  });

  it("is refused where tensors are missing, unknown or of another shape, with near names", async () => {
    const misspelt = await written(smallLlama(), llama.define);
    await rewrite(misspelt, (all) => {
      all.set("model.norn.weight", all.get("model.norm.weight")!);
      all.delete("model.norm.weight");
    });
    await expect(loadCheckpoint(misspelt, registry)).rejects.toMatchObject({
      code: "models/weight-missing",
      report: { field: "model.norm.weight", near: ["model.norn.weight"], file: "folder/model.safetensors" },
    });
    const extra = await written(smallLlama(), llama.define);
    await rewrite(extra, (all) => void all.set("model.layers.2.mlp.up_proj.weight", sourceOf(f32([1, 1]))));
    await expect(loadCheckpoint(extra, registry)).rejects.toMatchObject({ code: "models/weight-extra" });
    const reshaped = await written(smallLlama(), llama.define);
    await rewrite(reshaped, (all) => void all.set("model.norm.weight", sourceOf(f32([3]))));
    await expect(loadCheckpoint(reshaped, registry)).rejects.toMatchObject({ code: "models/weight-shape-mismatch" });
  });

  it("is refused for a model type or an option that nothing here computes", async () => {
    const cases: [string, unknown, string][] = [
      ["model_type", "lama", "models/plugin-missing"],
      ["hidden_act", "relu", "models/config-invalid"],
      ["rope_scaling", { type: "mystery" }, "models/config-invalid"],
      ["quantization_config", { quant_method: "mystery" }, "formats/compressed-tensors-unsupported"],
      ["num_hidden_layers", 0, "models/config-invalid"],
    ];
    for (const [field, value, code] of cases) {
      const files = await written(smallLlama(), llama.define);
      await edit(files, (config) => void (config[field] = value));
      await expect(loadCheckpoint(files, registry)).rejects.toMatchObject({ code, report: { file: "folder/config.json" } });
    }
  });

  it("has dense values, and says which weights were stored otherwise", async () => {
    const codes: HostTensor = { dtype: "u8", shape: [16, 16], data: Uint8Array.from({ length: 256 }, (_, index) => (index * 7) % 256) };
    const quantized = affineOf({ shape: [16, 16], bits: 8, groupSize: 16, codes, scales: f32([16, 1], new Float32Array(16).fill(0.01)) });
    const dense = await smallLlama().weights.get("layers.0.feedForward.up")!.dense();
    const mask = {
      dtype: "u8" as const,
      shape: dense.shape,
      data: Uint8Array.from(dense.data as Float32Array, (value) => Number(value > 0)),
    };
    const masked = denseOf(
      f32(
        dense.shape,
        (dense.data as Float32Array).map((value) => Math.max(value, 0)),
      ),
      mask,
    );
    const changed = withWeights(smallLlama(), [
      ["layers.1.attention.query", quantized],
      ["layers.0.feedForward.up", masked],
    ]);
    const files = memoryFiles({}, "folder");
    const saved = await saveHuggingFace(changed, llama.define, files);
    expect(saved).toEqual({ densified: ["layers.1.attention.query"], masks: ["layers.0.feedForward.up"] });
    expect(await values(await loadCheckpoint(files, registry))).toEqual(await values(changed));
    const { changes, notes } = await huggingFaceExporter.define.write(changed, { files: memoryFiles({}, "folder"), registry });
    expect(changes).toMatchObject([{ weight: "layers.1.attention.query", from: "affine", to: "f32", exact: true }]);
    expect(notes).toHaveLength(1);
  });

  it("is refused by name for what its config cannot say", async () => {
    const model = smallLlama();
    const layers = model.config["layers"] as LlamaConfig["layers"];
    const uneven = { ...model.config, layers: [layers[0], { keyValueHeads: [], feedForward: 0 }] };
    const kept = [...model.weights].filter(([name]) => !name.startsWith("layers.1."));
    await expect(written(withConfig(model, uneven, kept), llama.define)).rejects.toMatchObject({
      code: "models/not-expressible",
      report: { field: "layers.keyValueHeads" },
    });
    await expect(written(smallEncoderDecoder(), encoderDecoder.define)).rejects.toMatchObject({ code: "models/not-expressible" });
  });
});
