/**
 * `node --conditions=@pare/source tools/judge/structure.ts [--json]`: structure removed from stories260K by what methods say and at random,
 * and 60 % of its weights allotted by a sensitivity scan beside 60 % of each. Through the command line, nothing retrained; the data that
 * decides is not what is measured. Ends with 1 where random or even shares are as good, and with 2 where the model or the text is absent.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { machine, pareJson } from "./pare.ts";
import { filesAbsent, FILES, SUITE_OPTIONS } from "./protocol.ts";

const { separator, minChars, maxTokens } = SUITE_OPTIONS;
const stories = (examples: number): object => ({
  data: { use: "text", file: FILES.text, separator, minChars, skip: 60, examples },
  maxTokens,
});
const CALIBRATION = stories(64);
const SEEDS = [0, 1, 2];

interface Measured {
  readonly name: string;
  /** Mean over the seeds. */
  readonly nll: number;
  readonly each: readonly number[];
  readonly parameters: number;
  readonly kept: number;
  readonly bytes: number;
}

const folder = mkdtempSync(join(tmpdir(), "pare-judge-"));
let count = 0;

async function one(steps: readonly object[], seed: number): Promise<Omit<Measured, "name" | "each">> {
  const cwd = join(folder, String(count++));
  mkdirSync(cwd);
  writeFileSync(join(cwd, "recipe.json"), JSON.stringify(steps));
  const { after, fallbacks } = await pareJson(
    ["compress", FILES.model, "--recipe", "recipe.json", "--out", "model", "--seed", String(seed)],
    cwd,
  );
  if (fallbacks.length > 0) throw new Error(`fell back on ${fallbacks.map(({ op }: { op: string }) => op).join(", ")}`);
  const { results } = await pareJson(
    ["eval", "model", "--suite", "perplexity", "--data", FILES.text, "--options", JSON.stringify(SUITE_OPTIONS)],
    cwd,
  );
  return { nll: results[0].metrics.nll, ...after };
}

async function measure(name: string, steps: readonly object[], seeds: readonly number[] = [0]): Promise<Measured> {
  console.error(name);
  const found = [];
  for (const seed of seeds) found.push(await one(steps, seed));
  const each = found.map(({ nll }) => nll);
  return { ...found[0]!, name, each, nll: each.reduce((sum, nll) => sum + nll, 0) / each.length };
}

interface Pair {
  readonly better: Measured;
  readonly worse: Measured;
}

/** By a score, and at random. */
async function besideRandom(what: string, step: object, score: string, data: object = CALIBRATION): Promise<Pair> {
  return {
    better: await measure(`${what}, ${score}`, [{ ...step, score, ...data }]),
    worse: await measure(`${what}, at random (mean of ${SEEDS.length})`, [{ ...step, score: "random" }], SEEDS),
  };
}

async function allotted(): Promise<Pair> {
  const worse = await measure("60 % of every matrix, magnitude", [{ use: "prune/magnitude", sparsity: 0.6 }]);
  const better = await measure("60 % allotted by a scan, magnitude", [
    { use: "prune/scan", prune: { use: "prune/magnitude" }, at: [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], ...stories(12) },
    { use: "prune/allocate", budget: { of: "parameters", total: worse.kept } },
  ]);
  return { better, worse };
}

async function judge(json: boolean): Promise<number> {
  if (filesAbsent()) return 2;
  const pairs: Pair[] = [];
  for (const percent of [10, 20, 30]) {
    const step = { use: "prune/heads", fraction: percent / 100 };
    pairs.push(await besideRandom(`${percent} % of the heads`, step, "michel"));
  }
  for (const score of ["activation-norm", "taylor"])
    pairs.push(await besideRandom("25 % of the neurons", { use: "prune/neurons", fraction: 0.25 }, score));
  for (const score of ["activation", "taylor"])
    pairs.push(await besideRandom("12.5 % of the width", { use: "prune/width", size: 56 }, score));
  pairs.push(await besideRandom("12.5 % of the width", { use: "prune/width", size: 56 }, "magnitude", {}));
  pairs.push(await allotted());
  const alone = [
    await measure("vocabulary of the stories that are measured", [
      { use: "prune/vocabulary", data: { use: "text", file: FILES.text, separator, minChars, examples: 60 } },
    ]),
    await measure("embedding of rank 48", [{ use: "prune/embedding", size: 48 }]),
  ];
  const missed = pairs.filter(({ better, worse }) => !(better.nll < worse.nll));
  const rows = [...pairs.flatMap(({ better, worse }) => [better, worse]), ...alone];
  const facts = { ...machine(), load: loadavg()[0]!.toFixed(1) };
  if (json) console.log(JSON.stringify({ ...facts, rows, missed: missed.length }));
  else {
    const unique = [...new Map(rows.map((row) => [row.name, row])).values()];
    const cells = unique.map(({ name, nll, each, parameters, kept, bytes }) => {
      const seeds = each.length === 1 ? "" : ` (${each.map((value) => value.toFixed(3)).join(", ")})`;
      return `| ${name} | ${nll.toFixed(4)}${seeds} | ${parameters} | ${kept} | ${bytes} |`;
    });
    console.log(["| stories260K | NLL | parameters | not zero | bytes |", "|---|---:|---:|---:|---:|", ...cells].join("\n"));
    for (const { better, worse } of missed) console.log(`missed: ${better.name} is no better than ${worse.name}`);
    console.log(
      `\n${missed.length === 0 ? "All met" : `${missed.length} missed`}. ${Object.entries(facts)
        .map((fact) => fact.join(" "))
        .join(", ")}`,
    );
  }
  return missed.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await judge(process.argv.includes("--json"));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
