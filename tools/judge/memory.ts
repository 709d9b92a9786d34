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
import { folderFiles } from "../../packages/core/src/node.ts";
import { ROOT } from "../workspace.ts";
import { SHARDS, writeLargeFolder } from "./large-folder.ts";

const BIN = join(ROOT, "packages", "cli", "src", "bin.ts");
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
    const { bytes, largest } = await writeLargeFolder(folderFiles(join(cwd, "model")), layers);
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
