/** Rounding a sharded folder takes memory for one weight at a time, whatever the model's size. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createRegistry, memoryFiles, writeText, type Context, type FileSet } from "@pare/core";
import { safetensorsFormat, writeSafetensors } from "@pare/formats";
import { builtIn, createModel, huggingFaceExporter, llama, llamaConfig, loadCheckpoint } from "@pare/models";
import { roundToNearest } from "@pare/quantize";
import type { TensorSource } from "@pare/tensor-core";
import { expect, test } from "vitest";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;
/** What a collection finds dead is given back beside it, and counted until then: the next one waits for that. */
const collect = (): void => {
  gc();
  gc();
};

const registry = createRegistry(...builtIn);
const context = { seed: 0, registry, signal: new AbortController().signal, emit: () => {} } as unknown as Context;

/** A transformers folder of 68 MB whose tensors lie in four files, as large models come. */
async function sharded(): Promise<FileSet> {
  const config = llamaConfig({
    vocabularySize: 512,
    contextLength: 64,
    hiddenSize: 512,
    layers: 4,
    heads: 4,
    keyValueHeads: 4,
    feedForward: 2048,
  });
  const whole = memoryFiles();
  await huggingFaceExporter.define.write(createModel(llama.define, config, { seed: 1 }), { files: whole, registry });
  const { tensors } = await safetensorsFormat.read(whole);
  const files = memoryFiles();
  const map: Record<string, string> = {};
  const shards: Map<string, TensorSource>[] = [new Map(), new Map(), new Map(), new Map()];
  [...tensors].forEach(([name, source], index) => {
    shards[index % 4]!.set(name, source);
    map[name] = `model-0000${(index % 4) + 1}-of-00004.safetensors`;
  });
  for (const [index, shard] of shards.entries())
    await writeSafetensors(files, { tensors: shard, metadata: { format: "pt" } }, `model-0000${index + 1}-of-00004.safetensors`);
  await writeText(files, "model.safetensors.index.json", JSON.stringify({ weight_map: map }));
  await files.write("config.json", [await whole.read("config.json")]);
  return files;
}

interface Watched {
  readonly files: FileSet;
  /** Bytes of the largest read, of all reads, of all writes, and of buffers alive at any of them beyond those at the start. */
  readonly seen: { largest: number; read: number; written: number; alive: number };
}

/** Reads come from the set; what is written is counted and forgotten. */
function watched(files: FileSet): Watched {
  const seen = { largest: 0, read: 0, written: 0, alive: 0 };
  collect();
  const start = process.memoryUsage().arrayBuffers;
  const look = (size: number): void => {
    if (size < 100_000) return;
    collect();
    seen.alive = Math.max(seen.alive, process.memoryUsage().arrayBuffers - start);
  };
  const watching: FileSet = {
    ...files,
    read: async (name, begin, end) => {
      const bytes = await files.read(name, begin, end);
      seen.largest = Math.max(seen.largest, bytes.length);
      seen.read += bytes.length;
      look(bytes.length);
      return bytes;
    },
    write: async (_name, chunks) => {
      for await (const chunk of chunks) {
        seen.written += chunk.length;
        look(chunk.length);
      }
    },
  };
  return { files: watching, seen };
}

test("no more than a weight and its codes is alive while a model is rounded, hashed and saved", async () => {
  const { files, seen } = watched(await sharded());
  const model = await loadCheckpoint(files, registry);
  expect(seen.read).toBeLessThan(100_000);
  const { model: rounded } = await roundToNearest({ bits: 8, embeddings: true }).run({ model }, context);
  const largest = 2048 * 512 * 4;
  const once = seen.read;
  expect(seen.largest).toBe(largest);
  expect(once).toBeGreaterThan(67_000_000);
  await rounded.hash();
  await rounded.save(files);
  expect(seen.written).toBeGreaterThan(17_000_000);
  expect(seen.written).toBeLessThan(18_000_000);
  // Content is hashed in pieces of 4 MiB.
  expect(seen.alive).toBeLessThan(2.5 * largest + 5e6);
  // Once for the scales, and once more each time that codes are asked for.
  expect(seen.read).toBeLessThan(3.1 * once);
});
