/**
 * `node --conditions=@pare/source tools/judge/large-onnx.ts [--in <folder>]`: writes a decoder whose f32 weights take more than 2 GB, as
 * `pare convert --format onnx` does, and runs it in onnxruntime-node beside Pare's own device: the logits must be within 1e-3 and choose
 * the same tokens. Ends with 1 where they are not, with 2 where onnxruntime-node is not installed (`--dir interop install`). Needs 4 GB of
 * disk and 8 GB of memory.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openWasm } from "../../packages/backend-wasm/src/index.ts";
import { createRegistry } from "../../packages/core/src/index.ts";
import { folderFiles } from "../../packages/core/src/node.ts";
import { builtIn, loadCheckpoint, openSession } from "../../packages/models/src/index.ts";
import { ROOT } from "../workspace.ts";
import { writeLargeFolder } from "./large-folder.ts";

const BIN = join(ROOT, "packages", "cli", "src", "bin.ts");
const TOKENS = [1, 4096, 77, 120_000, 5];

interface Runtime {
  readonly InferenceSession: {
    create(path: string): Promise<{ run(feeds: object): Promise<Record<string, { readonly data: Float32Array }>> }>;
  };
  readonly Tensor: new (type: "int64", data: BigInt64Array, dims: readonly number[]) => object;
}

function loadRuntime(): Runtime | undefined {
  try {
    return createRequire(join(ROOT, "interop", "package.json"))("onnxruntime-node") as Runtime;
  } catch {
    return undefined;
  }
}

async function ownLogits(folder: string): Promise<Float32Array> {
  const registry = createRegistry(...builtIn);
  const device = await openWasm();
  const session = openSession(await loadCheckpoint(folderFiles(folder), registry), { device, registry });
  const { data } = await session.forward({ tokens: [TOKENS] });
  await session.dispose();
  await device.close();
  return data as Float32Array;
}

async function theirLogits({ InferenceSession, Tensor }: Runtime, file: string): Promise<Float32Array> {
  const row = (numbers: readonly number[]): object => new Tensor("int64", BigInt64Array.from(numbers, BigInt), [1, numbers.length]);
  const session = await InferenceSession.create(file);
  const feeds = { input_ids: row(TOKENS), attention_mask: row(TOKENS.map(() => 1)), position_ids: row(TOKENS.map((_, at) => at)) };
  return (await session.run(feeds))["logits"]!.data;
}

function bestOf(logits: Float32Array): number[] {
  const width = logits.length / TOKENS.length;
  return TOKENS.map((_, row) => {
    const own = logits.subarray(row * width, (row + 1) * width);
    return own.indexOf(own.reduce((best, value) => Math.max(best, value), -Infinity));
  });
}

async function judge(place: string): Promise<number> {
  const runtime = loadRuntime();
  if (runtime === undefined) {
    console.error("Nothing is judged: onnxruntime-node is not installed in interop.");
    return 2;
  }
  mkdirSync(place, { recursive: true });
  const cwd = mkdtempSync(join(place, "pare-onnx-"));
  try {
    await writeLargeFolder(folderFiles(join(cwd, "model")), 2);
    const argv = [
      "--conditions=@pare/source",
      "--disable-warning=ExperimentalWarning",
      BIN,
      "convert",
      "model",
      "onnx",
      "--format",
      "onnx",
    ];
    const { status, stderr } = spawnSync(process.execPath, argv, { cwd, encoding: "utf8" });
    if (status !== 0) throw new Error(`pare convert ends with ${status}:\n${stderr}`);
    const [graph, data] = ["model.onnx", "model.onnx_data"].map((name) => statSync(join(cwd, "onnx", name)).size);
    const theirs = await theirLogits(runtime, join(cwd, "onnx", "model.onnx"));
    const own = await ownLogits(join(cwd, "model"));
    const worst = own.reduce((most, value, at) => Math.max(most, Math.abs(value - theirs[at]!)), 0);
    const largest = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const same = bestOf(own).join() === bestOf(theirs).join();
    console.log(`model.onnx ${graph} bytes, model.onnx_data ${data} bytes`);
    console.log(`logits of up to ${largest.toFixed(2)} differ by ${worst.toExponential(2)} at most; the same tokens: ${same}`);
    return data! > 2e9 && worst < 1e-3 && same ? 0 : 1;
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

const { values } = parseArgs({ options: { in: { type: "string", default: tmpdir() } } });
process.exitCode = await judge(values.in);
