import fc from "fast-check";
import { createRegistry, isPareError, memoryFiles, type MutableFileSet } from "@pare/core";
import { onnxFormat } from "@pare/formats";
import { openReference, type StoredWeight } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import {
  builtIn,
  createCheckpoint,
  createModel,
  encoderDecoder,
  encoderDecoderConfig,
  llama,
  llamaConfig,
  loadCheckpoint,
  onnxExporter,
  openSession,
  verifyCheckpoint,
  xlnet,
  xlnetConfig,
  type Checkpoint,
} from "../index.ts";

const registry = createRegistry(...builtIn, onnxFormat);
const shape = { vocabularySize: 24, contextLength: 16, hiddenSize: 16, heads: 2, feedForward: 20 };
const decoder = createModel(llama.define, llamaConfig({ ...shape, layers: 1, keyValueHeads: 1 }), { seed: 3 });
const pair = createModel(encoderDecoder.define, encoderDecoderConfig({ ...shape, encoderLayers: 1, decoderLayers: 1 }), { seed: 4 });
const permuted = createModel(xlnet.define, xlnetConfig({ vocabularySize: 24, hiddenSize: 16, heads: 2, feedForward: 20, layers: 1 }), {
  seed: 5,
});

async function written(model: Checkpoint, options: object = {}): Promise<MutableFileSet> {
  const files = memoryFiles();
  await onnxExporter.define.write(model, { files, registry, options });
  return files;
}

async function numbers(weights: ReadonlyMap<string, StoredWeight>): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  for (const [name, stored] of weights) found.set(name, (await stored.dense()).data);
  return found;
}

describe("ONNX models read again", () => {
  it.each([
    ["a decoder", decoder],
    ["an encoder–decoder", pair],
    ["an XLNet, of whose weights the graph leaves one out", permuted],
  ])("%s in f32: the same config and the same numbers", async (_, model) => {
    for (const options of [{}, { externalFrom: 1 }]) {
      const again = await loadCheckpoint(await written(model, options), registry);
      expect(again.config).toEqual(model.config);
      expect(await numbers(again.weights)).toEqual(await numbers(model.weights));
    }
  });

  it("keeps int8 and int4 codes as codes", async () => {
    for (const flavour of ["int8", "uint8", "int4"]) {
      const first = await loadCheckpoint(await written(decoder, { flavour }), registry);
      const query = first.weights.get("layers.0.attention.query")!;
      expect(query.storage).toBe("affine");
      expect(query.descriptor).toMatchObject({ bits: flavour === "int4" ? 4 : 8 });
      // What was read runs, and is written again from its own codes.
      const files = await written(first, { flavour });
      expect(await numbers((await loadCheckpoint(files, registry)).weights)).toEqual(await numbers(first.weights));
      const session = openSession(first, { device: openReference(), registry });
      expect((await session.forward({ tokens: [[1, 2, 3]] })).shape).toEqual([1, 3, 24]);
      await session.dispose();
    }
  });

  it("looks up a table that is stored in codes", async () => {
    const int8 = await loadCheckpoint(await written(decoder, { flavour: "int8" }), registry);
    const [, codes] = [...int8.weights].find(([name]) => name === "layers.0.feedForward.gate")!;
    const table = { ...decoder.weights.get("embedding")!, ...codes, shape: codes.shape };
    const config = { ...decoder.config, vocabularySize: codes.shape[0]! };
    const model = createCheckpoint({ ...decoder, config, weights: new Map([...int8.weights, ["embedding", table]]) });
    const again = await loadCheckpoint(await written(model, { flavour: "int8" }), registry);
    expect(again.weights.get("embedding")!.storage).toBe("affine");
    expect(await numbers(again.weights)).toEqual(await numbers(model.weights));
  });
});

/** Names and shapes, and all numbers readable: what a model that was accepted must be. */
async function accepted(files: MutableFileSet): Promise<Checkpoint | undefined> {
  try {
    const checkpoint = await loadCheckpoint(files, registry);
    await verifyCheckpoint(checkpoint);
    return checkpoint;
  } catch (error) {
    expect(isPareError(error), String(error)).toBe(true);
    return undefined;
  }
}

describe("damaged ONNX models", () => {
  const small = createModel(
    llama.define,
    llamaConfig({ vocabularySize: 6, contextLength: 4, hiddenSize: 4, layers: 1, heads: 1, feedForward: 4 }),
    {
      seed: 5,
    },
  );

  it("are refused wherever they are cut", async () => {
    const bytes = await (await written(small)).read("model.onnx");
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: bytes.length - 1 }), async (end) => {
        expect(await accepted(memoryFiles({ "model.onnx": bytes.subarray(0, end) }))).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it("are refused with a code, or are still models of the same weights, whichever bytes change", async () => {
    const bytes = await (await written(small)).read("model.onnx");
    const original = await numbers(small.weights);
    const change = fc.record({ at: fc.nat(bytes.length - 1), value: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const damaged = bytes.slice();
        for (const { at, value } of changes) damaged[at] = value;
        const found = await accepted(memoryFiles({ "model.onnx": damaged }));
        if (found === undefined) return;
        // A byte of a weight's own may be another number, and the config may say another ε: nothing else is taken in silence.
        expect([...found.weights.keys()].sort()).toEqual([...original.keys()].sort());
        const after = await numbers(found.weights);
        const changed = [...original].filter(([name, data]) => String(after.get(name)) !== String(data));
        expect(changed.length).toBeLessThanOrEqual(changes.length);
      }),
      { numRuns: 700 },
    );
  });

  it("are refused where bytes are added, taken out or repeated, unless no weight and no size is among them", async () => {
    const bytes = await (await written(small)).read("model.onnx");
    const cut = fc.record({ from: fc.nat(bytes.length), length: fc.integer({ min: 1, max: 40 }), repeat: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(cut, async ({ from, length, repeat }) => {
        const end = Math.min(bytes.length, from + length);
        const damaged = repeat
          ? Uint8Array.from([...bytes.subarray(0, end), ...bytes.subarray(from)])
          : Uint8Array.from([...bytes.subarray(0, from), ...bytes.subarray(end)]);
        const found = await accepted(memoryFiles({ "model.onnx": damaged }));
        if (found === undefined) return;
        expect(found.config).toEqual(small.config);
        expect(await numbers(found.weights)).toEqual(await numbers(small.weights));
      }),
      { numRuns: 500 },
    );
  });

  it("name external data inside their folder alone", async () => {
    const large = createModel(llama.define, llamaConfig({ ...shape, vocabularySize: 64, layers: 1 }), { seed: 6 });
    const outside = await written(large, { externalFrom: 1 });
    const model = await outside.read("model.onnx");
    const data = await outside.read("model.onnx_data");
    expect(await accepted(memoryFiles({ "model.onnx": model, "model.onnx_data": data }))).toBeDefined();
    expect(await accepted(memoryFiles({ "model.onnx": model, "model.onnx_data": data.subarray(0, data.length - 1) }))).toBeUndefined();
    expect(await accepted(memoryFiles({ "model.onnx": model }))).toBeUndefined();
    for (const location of ["../model.onnx_data", "/etc/passwd", "a/../../b", "C:\\data", "model.onnx_dat"]) {
      const place = new TextDecoder("latin1").decode(model).indexOf("model.onnx_data");
      const named = new TextEncoder().encode(location.padEnd("model.onnx_data".length, "x").slice(0, "model.onnx_data".length));
      const damaged = model.slice();
      damaged.set(named, place);
      expect(await accepted(memoryFiles({ "model.onnx": damaged, "model.onnx_data": data }))).toBeUndefined();
    }
  });
});

it("says what a folder lacks: a config", async () => {
  const files = memoryFiles();
  await onnxExporter.define.write(decoder, { files, registry });
  const bytes = await files.read("model.onnx");
  const at = new TextDecoder("latin1").decode(bytes).indexOf("pare.config");
  bytes.set(new TextEncoder().encode("some.config"), at);
  await expect(loadCheckpoint(memoryFiles({ "model.onnx": bytes }), registry)).rejects.toMatchObject({ code: "models/config-invalid" });
});
