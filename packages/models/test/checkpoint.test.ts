import { createRegistry, memoryFiles, readText, writeText, type MutableFileSet } from "@pare/core";
import { readSafetensors, writeSafetensors } from "@pare/formats";
import {
  affineOf,
  denseOf,
  denseStorage,
  denseWeight,
  f32,
  openReference,
  sourceOf,
  zeros,
  type HostTensor,
  type TensorSource,
} from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import {
  createCheckpoint,
  createModel,
  exampleHash,
  llama,
  llamaConfig,
  loadCheckpoint,
  openSession,
  seenData,
  verifyCheckpoint,
  withConfig,
  withSeen,
  withWeights,
  wordTokenizer,
  type Checkpoint,
} from "../src/index.ts";
import { llama2cBytes } from "../../formats/test/llama2c-files.ts";
import { registry, saved, smallEncoderDecoder, smallLlama } from "./models.ts";

const DEED = { use: "prune/magnitude", version: 1, options: { sparsity: 0.5 }, seed: 3 };

/** Rewrites the tensors of a folder's model.safetensors. */
async function rewrite(
  files: MutableFileSet,
  change: (tensors: Map<string, TensorSource>, metadata: Record<string, string>) => void,
): Promise<void> {
  const { tensors, metadata } = await readSafetensors(files);
  const held = await Promise.all([...tensors].map(async ([name, source]) => [name, sourceOf(await source.read())] as const));
  const [changed, text] = [new Map<string, TensorSource>(held), { ...metadata }];
  change(changed, text);
  await writeSafetensors(files, { tensors: changed, metadata: text });
}

async function editJson(files: MutableFileSet, name: string, edit: (json: any) => void): Promise<void> {
  const json: unknown = JSON.parse(await readText(files, name));
  edit(json);
  await writeText(files, name, JSON.stringify(json));
}

describe("a checkpoint", () => {
  it.each([
    ["llama", smallLlama()],
    ["untied llama", smallLlama({ tied: false })],
    ["encoder-decoder", smallEncoderDecoder()],
  ])("of a %s comes back from its folder with the same hash", async (_, checkpoint) => {
    const loaded = await loadCheckpoint(await saved(checkpoint), registry);
    expect(await loaded.hash()).toBe(await checkpoint.hash());
    expect(loaded.config).toEqual(checkpoint.config);
    expect(loaded.tokenizer!.encode("jump twice")).toEqual(checkpoint.tokenizer!.encode("jump twice"));
    expect(loaded.provenance).toEqual(checkpoint.provenance);
  });

  it("is written as the same bytes every time", async () => {
    const [one, two] = [await saved(smallLlama()), await saved(smallLlama())];
    expect(await one.list()).toEqual(["config.json", "model.safetensors", "provenance.json", "tokenizer.json", "tokenizer_config.json"]);
    for (const name of await one.list()) expect(await two.read(name)).toEqual(await one.read(name));
  });

  it("keeps storages, masks and provenance", async () => {
    const dense = await smallLlama().weights.get("layers.0.feedForward.up")!.dense();
    const mask = {
      dtype: "u8" as const,
      shape: dense.shape,
      data: Uint8Array.from(dense.data as Float32Array, (value) => (value > 0 ? 1 : 0)),
    };
    const pruned = f32(
      dense.shape,
      (dense.data as Float32Array).map((value) => Math.max(value, 0)),
    );
    const codes: HostTensor = { dtype: "u8", shape: [16, 16], data: Uint8Array.from({ length: 256 }, (_, index) => (index * 7) % 256) };
    const quantized = affineOf({ shape: [16, 16], bits: 8, groupSize: 16, codes, scales: f32([16, 1], new Float32Array(16).fill(0.01)) });
    const changed = withSeen(
      withWeights(
        smallLlama(),
        [
          ["layers.0.feedForward.up", denseOf(pruned, mask)],
          ["layers.1.attention.query", quantized],
        ],
        DEED,
      ),
      [seenData("scan/simple", [exampleHash("jump", "JUMP"), exampleHash("walk", "WALK")])],
    );
    const loaded = await loadCheckpoint(await saved(changed), registry);
    expect(await loaded.hash()).toBe(await changed.hash());
    expect(loaded.provenance).toEqual(changed.provenance);
    expect(loaded.provenance.deeds).toEqual([DEED]);
    const weight = loaded.weights.get("layers.1.attention.query")!;
    expect(weight.storage).toBe("affine");
    expect(await weight.dense()).toEqual(await quantized.dense());
    expect((await loaded.weights.get("layers.0.feedForward.up")!.mask!()).data).toEqual(mask.data);
    const session = openSession(loaded, { device: openReference(), registry });
    expect((await session.forward({ tokens: [[1, 3, 4]] })).data.every((value) => Number.isFinite(value))).toBe(true);
    await session.dispose();
  });

  it("has another hash when anything in it is another", async () => {
    const base = smallLlama();
    const norm = denseOf(f32([16], new Float32Array(16).fill(1.5)));
    const others: Checkpoint[] = [
      withWeights(base, [["norm", norm]]),
      withSeen(base, undefined),
      withWeights(base, [], DEED),
      withConfig(base, { ...base.config, ropeBase: 5000 }, base.weights),
      createCheckpoint({ ...base, tokenizer: undefined }),
      smallLlama({ seed: 9 }),
    ];
    const hashes = await Promise.all([base, ...others].map((one) => one.hash()));
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it("reads no weight until it is used", async () => {
    const files = await saved(smallLlama());
    let bytes = 0;
    const counting = {
      ...files,
      read: async (name: string, begin?: number, end?: number) => {
        const data = await files.read(name, begin, end);
        if (name === "model.safetensors") bytes += data.length;
        return data;
      },
    };
    const checkpoint = await loadCheckpoint(counting, registry);
    const header = 8 + Number(new DataView((await files.read("model.safetensors")).buffer).getBigUint64(0, true));
    expect(bytes).toBe(header);
    await checkpoint.weights.get("layers.0.attention.key")!.dense();
    expect(bytes).toBe(header + 8 * 16 * 4);
  });

  it("does not touch the folder when a weight cannot be written", async () => {
    const files = memoryFiles();
    const bad = { ...sourceOf(f32([16])), read: () => Promise.reject(new Error("gone")) };
    await expect(withWeights(smallLlama(), [["norm", denseWeight(bad)]]).save(files)).rejects.toThrow("gone");
    expect(await files.list()).toEqual([]);
  });

  it.each(["", "a#b", "__metadata__"])("refuses the weight name %j, which a file could not give back", async (name) => {
    const files = memoryFiles();
    await expect(withWeights(smallLlama(), [[name, denseWeight(sourceOf(f32([1])))]]).save(files)).rejects.toMatchObject({
      code: "models/weight-name-invalid",
      report: { field: JSON.stringify(name) },
    });
    expect(await files.list()).toEqual([]);
  });
});

describe("loading refuses", () => {
  const NAN = sourceOf(f32([16], new Float32Array(16).fill(NaN, 5, 6)));

  it.each<[string, (files: MutableFileSet) => Promise<void>, string, string, string]>([
    [
      "a config of another width",
      (f) => editJson(f, "config.json", (c) => (c.hiddenSize = 18)),
      "models/weight-shape-mismatch",
      "folder/model.safetensors",
      "embedding",
    ],
    [
      "a config with more layers",
      (f) => editJson(f, "config.json", (c) => c.layers.push(c.layers[0])),
      "models/weight-missing",
      "folder/model.safetensors",
      "layers.2.attention.norm",
    ],
    [
      "a config with fewer layers",
      (f) => editJson(f, "config.json", (c) => c.layers.pop()),
      "models/weight-extra",
      "folder/model.safetensors",
      "layers.1.attention.key",
    ],
    [
      "a config field of the wrong type",
      (f) => editJson(f, "config.json", (c) => (c.headDim = "4")),
      "models/config-invalid",
      "folder/config.json",
      "headDim",
    ],
    [
      "a config field that nobody knows",
      (f) => editJson(f, "config.json", (c) => (c.dropout = 0.1)),
      "models/config-invalid",
      "folder/config.json",
      "config",
    ],
    [
      "a key/value head that nobody reads",
      (f) => editJson(f, "config.json", (c) => (c.layers[1].keyValueHeads = [0, 0, 2, 2])),
      "models/config-invalid",
      "folder/config.json",
      "layers.1.keyValueHeads",
    ],
    [
      "an architecture that is not registered",
      (f) => editJson(f, "config.json", (c) => (c.architecture = "lama")),
      "models/plugin-missing",
      "folder/config.json",
      "architecture",
    ],
    ["a config that is no JSON", (f) => writeText(f, "config.json", "{"), "models/config-invalid", "folder/config.json", "file"],
    ["a missing tensor", (f) => rewrite(f, (t) => t.delete("norm")), "models/weight-missing", "folder/model.safetensors", "norm"],
    [
      "a tensor too many",
      (f) => rewrite(f, (t) => t.set("bias", sourceOf(f32([1])))),
      "models/weight-extra",
      "folder/model.safetensors",
      "bias",
    ],
    [
      "a part that the storage does not have",
      (f) => rewrite(f, (t) => t.set("norm#scales", sourceOf(f32([1])))),
      "models/weight-invalid",
      "folder/model.safetensors",
      "norm#scales",
    ],
    [
      "an integer tensor for a dense weight",
      (f) => rewrite(f, (t) => t.set("norm", sourceOf({ dtype: "i32", shape: [16], data: new Int32Array(16) }))),
      "models/weight-invalid",
      "folder/model.safetensors",
      "norm.values",
    ],
    [
      "a storage that is not registered",
      (f) => rewrite(f, (_, m) => (m["pare.storages"] = JSON.stringify({ norm: { storage: "csr", descriptor: {} } }))),
      "models/plugin-missing",
      "folder/model.safetensors",
      "norm",
    ],
    [
      "storages that are no JSON",
      (f) => rewrite(f, (_, m) => (m["pare.storages"] = "{")),
      "models/weight-invalid",
      "folder/model.safetensors",
      "__metadata__.pare.storages",
    ],
    [
      "a vocabulary of another size",
      (f) => editJson(f, "tokenizer.json", (t) => (t.model.vocab.extra = 11)),
      "models/tokenizer-invalid",
      "folder/tokenizer.json",
      "vocabulary",
    ],
    [
      "a tokenizer that lacks a piece",
      (f) => editJson(f, "tokenizer.json", (t) => delete t.model.vocab.jump),
      "models/tokenizer-invalid",
      "folder/tokenizer.json",
      "id 5",
    ],
    [
      "provenance with hashes out of order",
      (f) => editJson(f, "provenance.json", (p) => (p.seen = [{ data: "d", examples: btoa("\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0") }])),
      "models/provenance-invalid",
      "folder/provenance.json",
      "seen[0].examples",
    ],
  ])("%s", async (_, damage, code, file, field) => {
    const files = await saved(smallLlama());
    await damage(files);
    await expect(loadCheckpoint(files, registry)).rejects.toMatchObject({ code, report: { file, field } });
  });

  it("NaN in a weight, when it is first read", async () => {
    const files = await saved(smallLlama());
    await rewrite(files, (tensors) => tensors.set("norm", NAN));
    const checkpoint = await loadCheckpoint(files, registry);
    const expected = {
      code: "models/weight-not-finite",
      report: { file: "folder/model.safetensors", field: "norm", found: "NaN or an infinity at [5]" },
    };
    await expect(checkpoint.weights.get("norm")!.dense()).rejects.toMatchObject(expected);
    await expect(verifyCheckpoint(checkpoint)).rejects.toMatchObject(expected);
    await expect(checkpoint.save(memoryFiles())).rejects.toMatchObject(expected);
  });

  it("infinities in 16-bit and 64-bit weights", async () => {
    for (const [dtype, data] of [
      ["f16", Uint16Array.of(0x3c00, 0xfc00)],
      ["bf16", Uint16Array.of(0x3f80, 0x7f80)],
      ["f64", Float64Array.of(1, -Infinity)],
    ] as const) {
      const files = await saved(smallLlama());
      const Type = data.constructor as new (length: number) => typeof data;
      const all = new Type(16);
      all.set(data as never);
      await rewrite(files, (tensors) => tensors.set("norm", sourceOf({ dtype, shape: [16], data: all })));
      const checkpoint = await loadCheckpoint(files, registry);
      await expect(checkpoint.weights.get("norm")!.dense()).rejects.toMatchObject({
        code: "models/weight-not-finite",
        report: { found: "NaN or an infinity at [1]" },
      });
    }
  });

  it("NaN in a llama2.c checkpoint, naming its file", async () => {
    const bytes = llama2cBytes({ dim: 8, hidden: 12, layers: 1, heads: 2, keyValueHeads: 1, vocabulary: 6, context: 4 });
    new DataView(bytes.buffer).setFloat32(28 + 4 * 9, NaN, true);
    const checkpoint = await loadCheckpoint(memoryFiles({ "m.bin": bytes }, "folder"), registry);
    expect(checkpoint.tokenizer).toBeUndefined();
    await expect(verifyCheckpoint(checkpoint)).rejects.toMatchObject({
      code: "models/weight-not-finite",
      report: { file: "folder/m.bin", field: "embedding", found: "NaN or an infinity at [1, 1]" },
    });
  });

  it("a folder that holds no model, saying what it holds", async () => {
    await expect(loadCheckpoint(memoryFiles({ "notes.txt": "hi" }, "folder"), registry)).rejects.toMatchObject({
      code: "models/folder-unknown",
      report: { file: "folder", found: "notes.txt" },
    });
    await expect(loadCheckpoint(memoryFiles({}), registry)).rejects.toMatchObject({ code: "models/folder-unknown" });
  });

  it("a storage whose plugin the registry lacks, naming a package", async () => {
    const codes = zeros("u8", [16, 16]);
    const quantized = affineOf({ shape: [16, 16], bits: 8, groupSize: 16, codes, scales: f32([1, 1], [1]) });
    const files = await saved(withWeights(smallLlama(), [["layers.1.attention.query", quantized]]));
    await expect(loadCheckpoint(files, createRegistry(llama, denseStorage))).rejects.toThrow(/affine[\s\S]*Install the package/);
  });
});

it("keeps a tokenizer with fewer pieces than the model has rows, and refuses one that lost a piece since", async () => {
  const tokenizer = wordTokenizer(["walk", "run"]);
  const config = llamaConfig({ vocabularySize: 8, contextLength: 8, hiddenSize: 8, layers: 1, heads: 2, feedForward: 8 });
  const files = await saved(createModel(llama.define, config, { seed: 1, tokenizer }));
  expect((await loadCheckpoint(files, registry)).tokenizer!.vocabularySize).toBe(tokenizer.vocabularySize);
  const other = await saved(createModel(llama.define, config, { seed: 1, tokenizer: wordTokenizer(["walk"]) }));
  await files.write("tokenizer.json", [await other.read("tokenizer.json")]);
  await expect(loadCheckpoint(files, registry)).rejects.toThrow(expect.objectContaining({ code: "models/tokenizer-invalid" }));
});
