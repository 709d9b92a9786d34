/**
 * What loading costs: bytes read on opening, peak memory of using every weight against the bytes of the weights, and a file
 * past 4 GiB read by ranges. Memory is the largest resident set of a process of its own, less what that process took before
 * it opened the model; a time is that of one run.
 *
 *     pnpm exec node --conditions=@pare/source packages/models/bench/loading.ts [hidden size] [--smoke]
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createRegistry, type FileSet } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { readSafetensors } from "@pare/formats";
import type { HostTensor } from "@pare/tensor-core";
import { numbers, report, smoke } from "../../../tools/bench/harness.ts";
import { builtIn, createModel, llama, llamaConfig, loadCheckpoint, openSession, verifyCheckpoint } from "../src/index.ts";

const MEBI = 2 ** 20;
const WEIGHTS = "model.safetensors";
const USES = {
  keep: "keeping every tensor",
  verify: "checking every tensor, keeping none",
  session: "64 tokens through the model on wasm",
};
interface Peak {
  readonly peak: number;
  readonly bytes: number;
}
/** Of a process that only uses a model's weights: how, and where they are. */
const [use, folder] = process.argv.slice(2).filter((text) => !text.startsWith("--"));

if (folder !== undefined) await useAll(use!, folder);
else {
  const temporary = await mkdtemp(join(tmpdir(), "pare-bench-"));
  try {
    await openAndUse(temporary, numbers[0] ?? (smoke ? 128 : 1024));
    await pastFourGibi(temporary);
  } finally {
    await rm(temporary, { recursive: true });
  }
}

async function openAndUse(temporary: string, hiddenSize: number): Promise<void> {
  const shape = { vocabularySize: 32_000, contextLength: 1024, layers: 8, heads: 16, hiddenSize, feedForward: 3 * hiddenSize };
  const path = join(temporary, "model");
  await createModel(llama.define, llamaConfig(shape), { seed: 1 }).save(folderFiles(path, { create: true }));
  const files = folderFiles(path);
  const header = 8 + Number(new DataView((await files.read(WEIGHTS, 0, 8)).buffer).getBigUint64(0, true));
  let beyond = 0;
  const counting: FileSet = {
    ...files,
    read: async (name, begin, end) => {
      const bytes = await files.read(name, begin, end);
      if (name === WEIGHTS) beyond += Math.max(0, (begin ?? 0) + bytes.length - Math.max(begin ?? 0, header));
      return bytes;
    },
  };
  const begin = performance.now();
  await loadCheckpoint(counting, createRegistry(...builtIn));
  const time = performance.now() - begin;
  const mebis = ((await files.size(WEIGHTS)) / MEBI).toFixed(0);
  report({ what: `opening a model of ${mebis} MiB`, value: time, unit: "ms" });
  report({ what: `read on opening beyond the ${header} bytes of its header`, value: beyond, unit: "bytes", target: { most: 0 } });
  for (const [use, what] of Object.entries(USES)) {
    const command = ["--conditions=@pare/source", "--expose-gc", fileURLToPath(import.meta.url), use, path];
    const { peak, bytes } = JSON.parse(execFileSync(process.execPath, command).toString()) as Peak;
    const most = use === "keep" ? 1.2 : undefined;
    report({
      what: `${what}, peak memory against its weights`,
      value: peak / bytes,
      unit: "×",
      target: most === undefined ? undefined : { most },
    });
  }
}

/** In a process of its own: uses every weight, then says how much memory that took at most. */
async function useAll(use: string, path: string): Promise<void> {
  const device = use === "session" ? await (await import("@pare/backend-wasm")).openWasm() : undefined;
  globalThis.gc!();
  const before = process.memoryUsage.rss();
  const checkpoint = await loadCheckpoint(folderFiles(path), createRegistry(...builtIn));
  const bytes = [...checkpoint.weights.values()].reduce((sum, weight) => sum + weight.bytes, 0);
  const kept: HostTensor[] = [];
  if (use === "keep") for (const weight of checkpoint.weights.values()) kept.push(await weight.dense());
  else if (use === "verify") await verifyCheckpoint(checkpoint);
  else
    await openSession(checkpoint, { device: device!, architecture: llama.define }).forward({
      tokens: [Array.from({ length: 64 }, () => 1)],
    });
  const peak: Peak = { peak: process.resourceUsage().maxRSS * 1024 - before, bytes };
  console.log(JSON.stringify(peak));
}

/** A sparse file: 5 GiB of holes, and a tensor behind them. */
async function pastFourGibi(temporary: string): Promise<void> {
  const far = 5 * 2 ** 30;
  const header = new TextEncoder().encode(
    JSON.stringify({
      low: { dtype: "U8", shape: [far], data_offsets: [0, far] },
      high: { dtype: "F32", shape: [256], data_offsets: [far, far + 1024] },
    }),
  );
  const prefix = new Uint8Array(8 + header.length);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(header.length), true);
  prefix.set(header, 8);
  const file = await open(join(temporary, "model.safetensors"), "w");
  await file.write(prefix);
  await file.write(new Uint8Array(Float32Array.from({ length: 256 }, (_, index) => index).buffer), 0, 1024, prefix.length + far);
  await file.close();
  const begin = performance.now();
  const { tensors } = await readSafetensors(folderFiles(temporary));
  const { data } = await tensors.get("high")!.read();
  const time = performance.now() - begin;
  if (data.some((value, index) => value !== index)) throw new Error("the tensor past 4 GiB is not what was written");
  report({ what: "a tensor behind 5 GiB, 1 KiB read right", value: time, unit: "ms" });
}
