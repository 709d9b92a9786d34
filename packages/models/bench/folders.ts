/**
 * Reading and writing a safetensors folder of 1 GB against plain reads and writes of the same bytes, taking turns. Reads come from the
 * disk: what the system remembers of the file is forgotten before each, where `dd` can say so (Linux); else all come from memory, and
 * the figures say that. Reading is every weight once, checked as always, and kept by nobody; a plain read is the file in pieces of 8 MiB
 * into one buffer, which takes no memory, and beside it one that keeps the bytes, which any reader of tensors has to. Writing ends when the disk has it; a plain write is one buffer of 8 MiB again and again.
 *
 *     pnpm exec node --conditions=@pare/source packages/models/bench/folders.ts [GB] [--smoke]
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createRegistry } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { denseOf } from "@pare/tensor-core";
import { interleave, numbers, report, smoke } from "../../../tools/bench/harness.ts";
import { builtIn, createCheckpoint, llama, llamaConfig, loadCheckpoint, verifyCheckpoint, type Checkpoint } from "../src/index.ts";

const PIECE = 8 * 2 ** 20;
const LEAST = 0.7;
const gigabytes = numbers[0] ?? (smoke ? 0.02 : 1);
const registry = createRegistry(...builtIn);

const folder = await mkdtemp(join(tmpdir(), "pare-bench-"));
try {
  const model = modelOf(gigabytes * 1e9);
  await model.save(folderFiles(join(folder, "model"), { create: true }));
  const file = join(folder, "model", "model.safetensors");
  const { size } = await stat(file);
  const cold = await forget(file);
  const load = loadavg()[0]!;
  const state = `${(size / 1e9).toFixed(2)} GB, ${cold ? "from the disk" : "from memory"}, load ${load.toFixed(1)}`;
  const times = await interleave(
    {
      "plain read": () => timed(file, cold, () => plainRead(file)),
      "read that keeps the bytes": () => timed(file, cold, () => readFile(file)),
      read: () => timed(file, cold, async () => verifyCheckpoint(await loadCheckpoint(folderFiles(join(folder, "model")), registry))),
      "plain write": async () => plainWrite(join(folder, "plain"), size),
      write: async () => model.save(folderFiles(join(folder, "written"), { create: true })),
    },
    smoke ? 1 : 7,
    1,
  );
  const judged = [
    ["reading", "read", "plain read", { least: LEAST }],
    ["reading", "read", "read that keeps the bytes", undefined],
    ["writing", "write", "plain write", { least: LEAST }],
  ] as const;
  for (const [what, way, against, target] of judged) {
    const [plain, ours] = [times[against], times[way]];
    report({
      what: `${what} a folder (${state})`,
      value: plain.median / ours.median,
      fastest: plain.fastest / ours.fastest,
      unit: `× the rate of a ${against} (${(size / 1e6 / plain.median).toFixed(2)} GB/s)`,
      against,
      target,
    });
  }
} finally {
  await rm(folder, { recursive: true });
}

/** A decoder of about so many bytes in f32, in memory; its weights are copies of one pattern. */
function modelOf(bytes: number): Checkpoint {
  const hiddenSize = smoke ? 256 : 1024;
  const perLayer = 4 * hiddenSize ** 2 + 3 * hiddenSize * 3 * hiddenSize;
  const layers = Math.max(1, Math.round((bytes / 4 - 8000 * hiddenSize) / perLayer));
  const config = llamaConfig({ vocabularySize: 8000, contextLength: 64, hiddenSize, layers, heads: 16, feedForward: 3 * hiddenSize });
  const pattern = Float32Array.from({ length: 65_536 }, (_, index) => Math.sin(index));
  const weights = llama.define.weights(config).map(({ name, shape }) => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
    for (let at = 0; at < data.length; at += pattern.length) data.set(pattern.subarray(0, data.length - at), at);
    return [name, denseOf({ dtype: "f32", shape, data })] as const;
  });
  return createCheckpoint({ config, weights });
}

/** What the system remembers of a file's content is forgotten; false where it cannot be told to. */
async function forget(file: string): Promise<boolean> {
  try {
    execFileSync("dd", [`if=${file}`, "iflag=nocache", "count=0", "of=/dev/null"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function timed(file: string, cold: boolean, work: () => Promise<unknown>): Promise<{ readonly milliseconds: number }> {
  if (cold) await forget(file);
  const begin = performance.now();
  await work();
  return { milliseconds: performance.now() - begin };
}

async function plainRead(path: string): Promise<void> {
  const buffer = new Uint8Array(PIECE);
  const file = await open(path, "r");
  while ((await file.read(buffer, 0, PIECE)).bytesRead > 0);
  await file.close();
}

async function plainWrite(path: string, size: number): Promise<void> {
  const buffer = new Uint8Array(PIECE).fill(7);
  const file = await open(path, "w");
  for (let at = 0; at < size; at += PIECE) await file.write(buffer, 0, Math.min(PIECE, size - at));
  await file.sync();
  await file.close();
  await rm(path);
}
