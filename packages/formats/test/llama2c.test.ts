import { memoryFiles } from "@pare/core";
import { describe, expect, it } from "vitest";
import { llama2cFormat, readLlama2cCheckpoint, readLlama2cTokenizer } from "../src/index.ts";
import { llama2cBytes, tokenizerBytes, type Sizes } from "./llama2c-files.ts";

const SIZES: Sizes = { dim: 8, hidden: 12, layers: 2, heads: 2, keyValueHeads: 1, vocabulary: 6, context: 4 };
const read = (bytes: Uint8Array): ReturnType<typeof readLlama2cCheckpoint> =>
  readLlama2cCheckpoint(memoryFiles({ "m.bin": bytes }, "folder"), "m.bin");

describe("llama2.c checkpoint", () => {
  it("names every tensor with its shape, and finds its bytes", async () => {
    const { config, tensors } = await read(llama2cBytes(SIZES));
    expect(config).toEqual({
      dim: 8,
      hiddenDim: 12,
      layers: 2,
      heads: 2,
      keyValueHeads: 1,
      vocabularySize: 6,
      sequenceLength: 4,
      sharedClassifier: true,
    });
    expect([...tensors.keys()].slice(0, 4)).toEqual(["token_embedding", "layers.0.rms_att", "layers.1.rms_att", "layers.0.wq"]);
    expect(tensors.get("layers.1.wk")!.shape).toEqual([4, 8]);
    // Each float of the file holds its own index: embedding 48, norms 16, wq 128, then the keys of layer 0.
    expect((await tensors.get("layers.1.wk")!.read()).data[0]).toBe(48 + 16 + 128 + 32);
    const floats = 48 + 2 * (8 + 64 + 32 + 32 + 64 + 8 + 3 * 96);
    expect((await tensors.get("rms_final")!.read()).data[7]).toBe(floats + 7);
    expect(tensors.has("freq_cis_real") || tensors.has("wcls")).toBe(false);
  });

  it("has a classifier of its own where the vocabulary is negative", async () => {
    const { config, tensors } = await read(llama2cBytes({ ...SIZES, vocabulary: -6 }));
    expect(config).toMatchObject({ vocabularySize: 6, sharedClassifier: false });
    expect(tensors.get("wcls")!.shape).toEqual([6, 8]);
  });

  it.each([
    ["an empty file", new Uint8Array(3), "header"],
    ["one byte too few", llama2cBytes(SIZES).slice(0, -1), "header"],
    ["one byte too many", new Uint8Array([...llama2cBytes(SIZES), 0]), "header"],
    ["a dim of 0", llama2cBytes(SIZES, { 0: 0 }), "dim"],
    ["a negative number of layers", llama2cBytes(SIZES, { 2: -1 }), "n_layers"],
    ["heads that do not divide dim", llama2cBytes(SIZES, { 3: 3 }), "n_heads"],
    ["key/value heads that do not divide heads", llama2cBytes(SIZES, { 4: 3 }), "n_kv_heads"],
    ["sizes that promise a terabyte", llama2cBytes(SIZES, { 1: 2 ** 30 }), "header"],
    ["a later version", llama2cBytes(SIZES, { 0: 0x616b3432 }), "version"],
  ])("refuses %s before it allocates", async (_, bytes, field) => {
    await expect(read(bytes)).rejects.toMatchObject({ code: "formats/llama2c-invalid", report: { file: "folder/m.bin", field } });
  });
});

describe("llama2.c tokenizer", () => {
  const pieces = ["<unk>", "\n<s>\n", "\n</s>\n", "a", "ü", " "].map((text, id) => ({ text, score: -id }));
  const readPieces = (bytes: Uint8Array, count = 6): Promise<unknown> =>
    readLlama2cTokenizer(memoryFiles({ "tok.bin": bytes }, "folder"), "tok.bin", count);

  it("gives pieces and scores by id", async () => {
    expect(await readPieces(tokenizerBytes(pieces))).toEqual(pieces);
  });

  it.each([
    ["fewer pieces than the model", tokenizerBytes(pieces.slice(0, 5)), "piece 5"],
    ["more pieces than the model", tokenizerBytes([...pieces, { text: "b", score: 0 }]), "size"],
    ["a cut file", tokenizerBytes(pieces).slice(0, -1), "piece 5"],
    ["a file far too small", new Uint8Array(20), "size"],
    ["a score that is no number", tokenizerBytes([...pieces.slice(0, 5), { text: "b", score: NaN }]), "piece 5"],
    ["a piece twice", tokenizerBytes([...pieces.slice(0, 5), { text: "a", score: 0 }]), "piece 5"],
    ["an empty piece", tokenizerBytes([...pieces.slice(0, 4), { text: "", score: 0 }, { text: "bc", score: 0 }]), "piece 4"],
  ])("refuses %s", async (_, bytes, field) => {
    await expect(readPieces(bytes)).rejects.toMatchObject({
      code: "formats/llama2c-tokenizer-invalid",
      report: { file: "folder/tok.bin", field },
    });
  });

  it("goes with the checkpoint beside it", async () => {
    const files = memoryFiles({ "m.bin": llama2cBytes(SIZES), "tokm.bin": tokenizerBytes(pieces) });
    expect(await llama2cFormat.detect(files)).toBe(true);
    expect((await llama2cFormat.read(files)).tokenizer).toEqual({ file: "memory/tokm.bin", pieces });
    await files.write("other.bin", [new Uint8Array(1)]);
    await expect(llama2cFormat.read(files)).rejects.toMatchObject({ code: "formats/files-ambiguous" });
  });
});
