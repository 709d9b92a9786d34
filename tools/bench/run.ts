/**
 * Runs the benches of all packages, one after the other, each in a process of its own: prints the machine and each bench's
 * figures with their targets. Ends with an error where a bench fails; none allows a fallback to the reference, so that an op
 * without a kernel fails it. A missed target is told, and no error: it may be the machine's.
 *
 *     pnpm bench [--smoke] [--json <file>] [part of a bench's path …]
 */
import { fork } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { packagesOf, ROOT } from "../workspace.ts";
import { verdict, type Figure } from "./harness.ts";

interface Outcome {
  readonly bench: string;
  readonly seconds: number;
  readonly code: number | null;
  readonly figures: readonly Figure[];
}

const { values: flags, positionals: parts } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: "boolean", default: false }, json: { type: "string" } },
});
const machine = {
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: availableParallelism(),
  node: process.version,
  load: loadavg()[0]!,
};
console.log(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load ${machine.load.toFixed(2)}`);

const outcomes: Outcome[] = [];
for (const path of benchesOf(ROOT)) {
  const bench = relative(ROOT, path).replaceAll("\\", "/");
  if (parts.length === 0 || parts.some((part) => bench.includes(part))) outcomes.push(await runBench(bench, path));
}
const missed = outcomes.flatMap(({ figures }) => figures.filter((figure) => verdict(figure).includes("missed")));
const failed = outcomes.filter(({ code }) => code !== 0);
console.log(`\n${outcomes.length - failed.length} benches ran, ${failed.length} failed`);
for (const { bench } of failed) console.log(`failed: ${bench}`);
if (!flags.smoke) for (const figure of missed) console.log(`${figure.what}: ${verdict(figure)}`);
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ machine, smoke: flags.smoke, outcomes }, null, 2)}\n`);
process.exitCode = failed.length > 0 || outcomes.length === 0 ? 1 : 0;

function benchesOf(root: string): string[] {
  return packagesOf(root).flatMap(({ path }) =>
    readdirSync(path)
      .filter((name) => name === "bench")
      .flatMap((name) =>
        readdirSync(join(path, name))
          .filter((file) => file.endsWith(".ts"))
          .map((file) => join(path, name, file)),
      ),
  );
}

async function runBench(bench: string, path: string): Promise<Outcome> {
  console.log(`\n== ${bench}`);
  const figures: Figure[] = [];
  const begin = performance.now();
  const child = fork(path, flags.smoke ? ["--smoke"] : [], { execArgv: ["--conditions=@pare/source"] });
  child.on("message", (figure) => figures.push(figure as Figure));
  const code = await new Promise<number | null>((resolve) => child.on("exit", resolve));
  return { bench, seconds: (performance.now() - begin) / 1000, code, figures };
}
