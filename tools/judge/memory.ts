/**
 * `node --conditions=@pare/source tools/judge/memory.ts [--layers <n>] [--in <folder>] [--json]`: writes a sharded bf16 folder of more
 * than 6 GiB (the shape of Llama 3.2 3B, a layer more), compresses it to int8 and converts it to 8-bit GGUF, each by the command line in a
 * process of its own whose resident memory is watched, and takes everything away again. Ends with 1 where a process took more than
 * 2.5 × the largest tensor + 300 MB. Needs 14 GB of disk; Linux alone tells the memory.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeText, type FileSet } from "../../packages/core/src/index.ts";
import { folderFiles } from "../../packages/core/src/node.ts";
import { writeSafetensors } from "../../packages/formats/src/index.ts";
import type { TensorSource } from "../../packages/tensor-core/src/index.ts";
import { ROOT } from "../workspace.ts";

const BIN = join(ROOT, "packages", "cli", "src", "bin.ts");
const HIDDEN = 3072;
const FEED_FORWARD = 8192;
const KEYS = 1024;
const VOCABULARY = 128_256;
const SHARDS = 4;

const CONFIG = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: HIDDEN,
  intermediate_size: FEED_FORWARD,
  num_attention_heads: 24,
  num_key_value_heads: 8,
  head_dim: 128,
  vocab_size: VOCABULARY,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1e-5,
  rope_theta: 500_000,
  hidden_act: "silu",
  tie_word_embeddings: true,
  torch_dtype: "bfloat16",
};

/** Shapes of a folder's tensors by the names that the transformers library has for them. */
function shapes(layers: number): Map<string, readonly number[]> {
  const all = new Map<string, readonly number[]>([
    ["model.embed_tokens.weight", [VOCABULARY, HIDDEN]],
    ["model.norm.weight", [HIDDEN]],
  ]);
  for (let layer = 0; layer < layers; layer++) {
    const add = (name: string, shape: readonly number[]): unknown => all.set(`model.layers.${layer}.${name}.weight`, shape);
    add("self_attn.q_proj", [HIDDEN, HIDDEN]);
    add("self_attn.k_proj", [KEYS, HIDDEN]);
    add("self_attn.v_proj", [KEYS, HIDDEN]);
    add("self_attn.o_proj", [HIDDEN, HIDDEN]);
    add("mlp.gate_proj", [FEED_FORWARD, HIDDEN]);
    add("mlp.up_proj", [FEED_FORWARD, HIDDEN]);
    add("mlp.down_proj", [HIDDEN, FEED_FORWARD]);
    add("input_layernorm", [HIDDEN]);
    add("post_attention_layernorm", [HIDDEN]);
  }
  return all;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Numbers between −0.05 and 0.05 as bf16, a million of them, which every tensor begins at another place of. */
function pool(): Uint16Array {
  const bits = new Uint32Array(1);
  const value = new Float32Array(bits.buffer);
  let state = 1;
  return Uint16Array.from({ length: 1_000_003 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    value[0] = (state / 2 ** 32 - 0.5) / 10;
    return bits[0]! >>> 16;
  });
}

/** Writes the folder; gives the bytes of its tensors and of the largest. */
async function writeFolder(files: FileSet, layers: number): Promise<{ bytes: number; largest: number }> {
  const numbers = pool();
  const map: Record<string, string> = {};
  const shards = Array.from({ length: SHARDS }, () => new Map<string, TensorSource>());
  const all = [...shapes(layers)];
  const sizes = all.map(([, shape]) => 2 * sizeOf(shape));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  let before = 0;
  for (const [index, [name, shape]] of all.entries()) {
    const shard = Math.min(SHARDS - 1, Math.floor((before / bytes) * SHARDS));
    before += sizes[index]!;
    map[name] = shardName(shard);
    const read = async () => ({ dtype: "bf16" as const, shape, data: filled(sizeOf(shape), numbers, index * 7919) });
    shards[shard]!.set(name, { dtype: "bf16", shape, bytes: sizes[index]!, read });
  }
  for (const [index, tensors] of shards.entries()) await writeSafetensors(files, { tensors, metadata: { format: "pt" } }, shardName(index));
  const index = { metadata: { total_size: bytes }, weight_map: map };
  await writeText(files, "model.safetensors.index.json", JSON.stringify(index));
  await writeText(files, "config.json", JSON.stringify({ ...CONFIG, num_hidden_layers: layers }));
  return { bytes, largest: Math.max(...sizes) };
}

function shardName(index: number): string {
  return `model-0000${index + 1}-of-0000${SHARDS}.safetensors`;
}

function filled(count: number, numbers: Uint16Array, from: number): Uint16Array {
  const data = new Uint16Array(count);
  const start = from % numbers.length;
  data.set(numbers.subarray(start, start + count));
  for (let at = Math.min(count, numbers.length - start); at < count; at += numbers.length)
    data.set(numbers.subarray(0, Math.min(numbers.length, count - at)), at);
  return data;
}

interface Row {
  readonly what: string;
  /** Bytes of resident memory at most, and what they may be. */
  readonly peak: number;
  readonly bound: number;
  readonly seconds: number;
}

/** Runs the command and watches the high-water mark of its memory. */
async function watch(what: string, argv: readonly string[], cwd: string, bound: number): Promise<Row> {
  const began = performance.now();
  const child = spawn(process.execPath, ["--conditions=@pare/source", "--disable-warning=ExperimentalWarning", BIN, ...argv, "--json"], {
    cwd,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let err = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (err += chunk));
  let peak = 0;
  const look = setInterval(() => (peak = Math.max(peak, highWater(child.pid!))), 50);
  const [code] = (await once(child, "close")) as [number | null];
  clearInterval(look);
  if (code !== 0) throw new Error(`pare ${argv.join(" ")} ends with ${code}:\n${err}`);
  return { what, peak, bound, seconds: (performance.now() - began) / 1000 };
}

/** Linux's VmHWM, in bytes; 0 where the process is gone. */
function highWater(pid: number): number {
  try {
    return 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

async function judge(layers: number, place: string, json: boolean): Promise<number> {
  mkdirSync(place, { recursive: true });
  const cwd = mkdtempSync(join(place, "pare-memory-"));
  try {
    const { bytes, largest } = await writeFolder(folderFiles(join(cwd, "model")), layers);
    const bound = 2.5 * largest + 300e6;
    const rows = [
      await watch("compress to int8", ["compress", "model", "--recipe", "int8", "--out", "small"], cwd, bound),
      await watch("convert to GGUF q8_0", ["convert", "model", "model.gguf", "--options", '{"type":"q8_0"}'], cwd, bound),
    ];
    const commit = execFileSync("git", ["describe", "--always", "--dirty", "--abbrev=12"], { cwd: ROOT, encoding: "utf8" }).trim();
    const machine = { commit, cpu: cpus()[0]?.model.trim() ?? "unknown", node: process.version, load: loadavg() };
    const missed = rows.filter(({ peak }) => peak > bound || peak === 0);
    console.log(json ? JSON.stringify({ machine, layers, bytes, largest, rows }) : report(bytes, largest, rows, machine));
    return missed.length === 0 ? 0 : 1;
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

function report(bytes: number, largest: number, rows: readonly Row[], machine: object): string {
  return [
    `${(bytes / 2 ** 30).toFixed(2)} GiB of bf16 tensors in ${SHARDS} files, the largest ${megabytes(largest)}`,
    "",
    "| work | resident at most | allowed (2.5 × largest + 300 MB) | seconds | |",
    "|---|---:|---:|---:|---|",
    ...rows.map(({ what, peak, bound, seconds }) => {
      const verdict = peak > 0 && peak <= bound ? "met" : "missed";
      return `| ${what} | ${megabytes(peak)} | ${megabytes(bound)} | ${seconds.toFixed(0)} | ${verdict} |`;
    }),
    "",
    JSON.stringify(machine),
  ].join("\n");
}

const { values } = parseArgs({
  options: {
    layers: { type: "string", default: "29" },
    in: { type: "string", default: tmpdir() },
    json: { type: "boolean", default: false },
  },
});
process.exitCode = await judge(Number(values.layers), values.in, values.json);
