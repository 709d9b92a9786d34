/**
 * Runs all benches, one after the other, each in a process of its own: those of the packages, and those beside peers (`bench/rows`),
 * whose dependencies it installs where they are missing. Prints the machine, each bench's figures and, last, every judged figure
 * with its target; writes all figures as JSON and the ratios to peers as a chart. Ends with an error where a bench fails: none allows
 * a fallback to the reference or a peer on another backend than it is named after. A missed target is told, and no error: it may be the machine's.
 *
 *     pnpm bench [--smoke] [--out <folder>] [part of a bench's path …]
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { packagesOf, ROOT } from "../workspace.ts";
import { writeChart } from "./chart.ts";
import { digits, verdict, type Figure } from "./harness.ts";
import { bundleFor, findNode20 } from "./node20.ts";
import { runBench, type Outcome } from "./process.ts";

/** Benches that are also run by a Node without relaxed SIMD. */
const ON_NODE_20: readonly string[] = ["bench/rows/gemm.ts"];
const PEERS = join(ROOT, "bench");

const { values: flags, positionals: parts } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: "boolean", default: false }, out: { type: "string", default: join(PEERS, "out") } },
});
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT, encoding: "utf8" }).trim();
const machine = {
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: availableParallelism(),
  memory: totalmem(),
  node: process.version,
  load: loadavg()[0]!,
};
console.log(
  `${machine.cpu}, ${machine.cores} cores, ${digits(machine.memory / 2 ** 30)} GiB, Node ${machine.node}, load ${machine.load.toFixed(2)}, commit ${commit}`,
);

const chosen = [...benchesOf(ROOT)].filter((bench) => parts.length === 0 || parts.some((part) => bench.includes(part)));
const besidePeers = chosen.filter((bench) => bench.startsWith("bench/"));
if (besidePeers.length > 0 && !existsSync(join(PEERS, "node_modules"))) installPeers();

const outcomes: Outcome[] = [];
for (const bench of chosen) outcomes.push(await runBench({ bench, path: join(ROOT, bench), smoke: flags.smoke }));
for (const bench of besidePeers.filter((each) => ON_NODE_20.includes(each))) {
  const node = findNode20();
  if (node === undefined) console.warn(`\n== ${bench}, Node 20: not run, no Node 20 among the folders of PATH`);
  else outcomes.push(await runBench({ bench: `${bench}, Node 20`, path: await bundleFor(bench), smoke: flags.smoke, node }));
}
await finish();

function benchesOf(root: string): string[] {
  const folders = [...packagesOf(root).map(({ path }) => join(path, "bench")), join(PEERS, "rows")];
  return folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))
    .filter((file) => file.endsWith(".ts"))
    .map((path) => relative(root, path).replaceAll("\\", "/"));
}

function installPeers(): void {
  console.log("\n== installing the peers, as bench/pnpm-lock.yaml has them");
  execFileSync("npx", ["-y", "pnpm@12.21.0", "--dir", PEERS, "install", "--frozen-lockfile"], { stdio: "inherit" });
}

async function finish(): Promise<void> {
  const failed = outcomes.filter(({ code }) => code !== 0);
  const judged = outcomes.flatMap(({ figures }) => figures).filter(({ target }) => target !== undefined);
  if (!flags.smoke && judged.length > 0) console.log(`\n${tableOf(judged)}`);
  console.log(`\n${outcomes.length - failed.length} benches ran, ${failed.length} failed`);
  for (const { bench } of failed) console.log(`failed: ${bench}`);
  mkdirSync(flags.out, { recursive: true });
  const json = join(flags.out, "figures.json");
  writeFileSync(json, `${JSON.stringify({ commit, machine, smoke: flags.smoke, outcomes }, null, 2)}\n`);
  console.log(`figures: ${relative(process.cwd(), json)}`);
  const ratios = outcomes.flatMap(({ figures }) => figures).filter(({ against }) => against !== undefined);
  if (ratios.length > 0) {
    const chart = join(flags.out, "ratios.svg");
    await writeChart(chart, ratios, `${machine.cpu}, Node ${machine.node}, commit ${commit}${flags.smoke ? ": smoke, means nothing" : ""}`);
    console.log(`chart: ${relative(process.cwd(), chart)}`);
  }
  process.exitCode = failed.length > 0 || outcomes.length === 0 ? 1 : 0;
}

/** As Markdown. */
function tableOf(figures: readonly Figure[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const lines = figures.map((figure) => {
    const { what, against, value, fastest, unit, target } = figure;
    const limit = target === undefined ? "" : "least" in target ? `≥ ${target.least} ${unit}` : `≤ ${target.most} ${unit}`;
    const missed = verdict(figure).includes("missed");
    return row([what, against ?? "–", limit, digits(value), fastest === undefined ? "" : digits(fastest), missed ? "**missed**" : "met"]);
  });
  return [row(["what", "against", "target", "median", "fastest", ""]), "|---|---|---|---:|---:|---|", ...lines].join("\n");
}
