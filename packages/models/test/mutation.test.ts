/** Files damaged at random are refused with a coded error, or still mean the same. */
import { isPareError, memoryFiles, type FileSet } from "@pare/core";
import { affineOf, denseOf, f32, zeros } from "@pare/tensor-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readGgufHeader } from "../../formats/src/gguf/header.ts";
import { llama2cBytes, tokenizerBytes } from "../../formats/test/llama2c-files.ts";
import {
  createModel,
  exampleHash,
  ggufExporter,
  llama,
  llamaConfig,
  loadCheckpoint,
  seenData,
  tokenizerFromJson,
  verifyCheckpoint,
  withSeen,
  withWeights,
  type Checkpoint,
  type LlamaConfig,
  type Tokenizer,
} from "../src/index.ts";
import { registry, saved, smallLlama } from "./models.ts";

/** What one damage does to a file. */
const damage: fc.Arbitrary<(bytes: Uint8Array) => Uint8Array> = fc.oneof(
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(
    ([at, flip]) =>
      (bytes: Uint8Array) =>
        bytes.map((byte, place) => (place === at % bytes.length ? byte ^ flip : byte)),
  ),
  fc.nat().map((kept) => (bytes: Uint8Array) => bytes.slice(0, kept % bytes.length)),
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 40 })).map(([at, count]) => (bytes: Uint8Array) => {
    const begin = at % bytes.length;
    return Uint8Array.from([...bytes.slice(0, begin), ...bytes.slice(begin + count)]);
  }),
  fc.tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 40 })).map(([at, added]) => (bytes: Uint8Array) => {
    const begin = at % (bytes.length + 1);
    return Uint8Array.from([...bytes.slice(0, begin), ...added, ...bytes.slice(begin)]);
  }),
);

/** Puts any JSON in the place of one value, or takes the value out. */
const jsonDamage: fc.Arbitrary<(bytes: Uint8Array) => Uint8Array> = fc
  .tuple(fc.nat(), fc.oneof(fc.jsonValue(), fc.constant(undefined), fc.constantFrom<unknown>(-1, 1e300, 2 ** 53, "", [], {}, null)))
  .map(([at, value]) => (bytes: Uint8Array) => {
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const places: (() => void)[] = [];
    const walk = (node: unknown): void => {
      if (typeof node !== "object" || node === null) return;
      for (const key of Object.keys(node)) {
        places.push(() => void Object.assign(node, { [key]: value }));
        walk((node as Record<string, unknown>)[key]);
      }
    };
    walk(json);
    places[at % places.length]!();
    return new TextEncoder().encode(JSON.stringify(json));
  });

/** What must be the same in a file that is accepted: everything but the values that are free (numbers in range, words, data). */
function structure({ config, weights, tokenizer }: Checkpoint): unknown {
  return {
    layers: (config["layers"] as LlamaConfig["layers"]).map(({ keyValueHeads, feedForward }) => [
      keyValueHeads.length,
      Math.max(...keyValueHeads),
      feedForward,
    ]),
    sizes: [config.vocabularySize, config["hiddenSize"], config["headDim"], config["tied"]],
    weights: [...weights]
      .map(([name, { storage, shape, descriptor, parts }]) => [
        name,
        storage,
        shape,
        descriptor,
        Object.entries(parts)
          .map(([part, source]) => [part, source.dtype, source.shape])
          .sort(),
      ])
      .sort(),
    pieces: tokenizer?.vocabularySize,
  };
}

async function outcome(files: FileSet): Promise<Checkpoint | undefined> {
  try {
    const checkpoint = await loadCheckpoint(files, registry);
    await verifyCheckpoint(checkpoint);
    checkpoint.tokenizer?.decode(Array.from({ length: checkpoint.config.vocabularySize }, (_, id) => id));
    return checkpoint;
  } catch (error) {
    if (!isPareError(error)) throw error;
    expect(error.report.file ?? error.report.field).toBeTruthy();
    return undefined;
  }
}

async function rich(): Promise<Checkpoint> {
  const codes = zeros("u8", [16, 12]);
  const quantized = affineOf({ shape: [16, 24], bits: 4, groupSize: 8, codes, scales: f32([16, 3], new Float32Array(48).fill(0.1)) });
  const masked = denseOf(zeros("f32", [24, 16]), zeros("u8", [24, 16]));
  const checkpoint = withWeights(
    smallLlama(),
    [
      ["layers.0.feedForward.down", quantized],
      ["layers.1.feedForward.up", masked],
    ],
    { use: "a/b", version: 1, options: {}, seed: 0 },
  );
  return withSeen(checkpoint, [seenData("d", [exampleHash("a"), exampleHash("b")])]);
}

async function property(files: FileSet, name: string, damages: typeof damage, numRuns: number): Promise<number> {
  const original = structure((await outcome(files))!);
  const bytes = await files.read(name);
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(damages, async (hurt) => {
      const broken = { ...files, ...overlay(files, name, hurt(bytes)) };
      const checkpoint = await outcome(broken);
      if (checkpoint === undefined) refused++;
      else expect(structure(checkpoint)).toEqual(original);
    }),
    { numRuns },
  );
  return refused / numRuns;
}

/** The set with another content for one file. */
function overlay(files: FileSet, name: string, bytes: Uint8Array): Pick<FileSet, "size" | "read"> {
  const own = memoryFiles({ [name]: bytes }, files.location);
  return {
    size: (one) => (one === name ? own : files).size(one),
    read: (one, begin, end) => (one === name ? own : files).read(one, begin, end),
  };
}

/** Pieces for all bytes and one merge, of SentencePiece's kind. */
function byteTokenizer(): Tokenizer {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const pieces = ["<unk>", "<s>", "</s>", ...bytes, "a", "b", "ab"];
  const added = pieces.slice(0, 3).map((content, id) => ({ id, content, special: true }));
  const model = { type: "BPE", unk_token: "<unk>", byte_fallback: true, merges: [["a", "b"]] };
  const json = { added_tokens: added, normalizer: { type: "Prepend", prepend: " " }, decoder: { type: "ByteFallback" } };
  const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
  return tokenizerFromJson({ ...json, model: { ...model, vocab } }, { bos_token: "<s>", eos_token: "</s>" });
}

describe("a damaged file", () => {
  it.each(["config.json", "tokenizer.json", "tokenizer_config.json", "provenance.json"])("%s", async (name) => {
    const files = await saved(await rich());
    expect(await property(files, name, damage, 250)).toBeGreaterThan(0.3);
    expect(await property(files, name, jsonDamage, 250)).toBeGreaterThan(0.3);
  });

  it("model.safetensors", async () => {
    const files = await saved(await rich());
    await property(files, "model.safetensors", damage, 200);
    const bytes = await files.read("model.safetensors");
    const end = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const inHeader: typeof damage = damage.map(
      (hurt) => (whole: Uint8Array) => Uint8Array.from([...hurt(whole.slice(0, end)), ...whole.slice(end)]),
    );
    expect(await property(files, "model.safetensors", inHeader, 500)).toBeGreaterThan(0.9);
  });

  it("model.safetensors with any value in its header, lengths put right", async () => {
    const files = await saved(await rich());
    const withHeader: typeof damage = jsonDamage.map((hurt) => (whole: Uint8Array) => {
      const end = 8 + Number(new DataView(whole.buffer).getBigUint64(0, true));
      const header = hurt(whole.slice(8, end));
      const out = Uint8Array.from([...new Uint8Array(8), ...header, ...whole.slice(end)]);
      new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
      return out;
    });
    expect(await property(files, "model.safetensors", withHeader, 400)).toBeGreaterThan(0.9);
  });

  it("of llama2.c", async () => {
    const words = [
      "<unk>",
      "\n<s>\n",
      "\n</s>\n",
      ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
      " ",
      "a",
      "b",
      "ab",
    ];
    const pieces = words.map((text, id) => ({ text, score: -id }));
    const sizes = { dim: 8, hidden: 12, layers: 2, heads: 2, keyValueHeads: 1, vocabulary: pieces.length, context: 4 };
    const files = memoryFiles({ "m.bin": llama2cBytes(sizes), "tok.bin": tokenizerBytes(pieces) }, "folder");
    await property(files, "m.bin", damage, 150);
    const inHeader: typeof damage = damage.map(
      (hurt) => (whole: Uint8Array) => Uint8Array.from([...hurt(whole.slice(0, 28)), ...whole.slice(28)]),
    );
    expect(await property(files, "m.bin", inHeader, 250)).toBeGreaterThan(0.9);
    expect(await property(files, "tok.bin", damage, 300)).toBeGreaterThan(0.3);
  });

  it("of GGUF", async () => {
    const files = memoryFiles({}, "folder");
    const tokenizer = byteTokenizer();
    const model = createModel(
      llama.define,
      llamaConfig({ vocabularySize: 262, contextLength: 16, hiddenSize: 32, layers: 2, heads: 4, keyValueHeads: 2, feedForward: 64 }),
      { seed: 1, tokenizer },
    );
    await ggufExporter.define.write(model, { files, registry, options: { type: "q8_0" } });
    const bytes = await files.read("model.gguf");
    const { entries } = await readGgufHeader(files, "model.gguf");
    const end = entries[0]!.begin;
    await property(files, "model.gguf", damage, 150);
    const inHeader: typeof damage = damage.map(
      (hurt) => (whole: Uint8Array) => Uint8Array.from([...hurt(whole.slice(0, end)), ...whole.slice(end)]),
    );
    expect(await property(files, "model.gguf", inHeader, 300)).toBeGreaterThan(0.5);
    const text = new TextDecoder("latin1").decode(bytes.subarray(0, end));
    const kindless = bytes.slice();
    kindless[text.indexOf("tokenizer.ggml.model")]! ^= 1;
    expect(await outcome({ ...files, ...overlay(files, "model.gguf", kindless) })).toBeUndefined();
    const tensors = text.indexOf("token_embd.weight") - 8;
    const anyNumber: typeof damage = fc
      .tuple(fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
      .map(([place, value]) => (whole: Uint8Array) => {
        const copy = whole.slice();
        const at = place % 5 === 0 ? 8 + (place % 3) * 8 : tensors + (place % (end - tensors - 8));
        new DataView(copy.buffer).setBigUint64(at, value, true);
        return copy;
      });
    expect(await property(files, "model.gguf", anyNumber, 400)).toBeGreaterThan(0.9);
  });
});
