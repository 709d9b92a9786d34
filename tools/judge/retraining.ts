/**
 * `node --conditions=@pare/source tools/judge/retraining.ts [--json] [--chart <file.svg>]`: how much of stories260K comes back when half of
 * its weights are gone and the rest learns from the whole model, on text that the whole model writes itself plus the calibration
 * stories. Every point of the curve is a recipe of its own whose first steps the store of the one before already holds. One thread.
 * Ends with 1 where a row is missed, and with 2 where the model or the text is absent.
 */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { splitText } from "../../packages/training/src/index.ts";
import { writeOwnText } from "./own-text.ts";
import { drawChart } from "../bench/chart.ts";
import { machine, pareJson } from "./pare.ts";
import { filesAbsent, CASES, FILES, PREDICTIONS, SUITE_OPTIONS } from "./protocol.ts";
import { retrainingChart, type Point } from "./retraining-chart.ts";

interface Target {
  readonly name: string;
  readonly pattern: string;
  /** NLL in nats per token that has to be undercut. */
  readonly below: number;
}

const TARGETS: readonly Target[] = [
  { name: "50 %, unstructured", pattern: "unstructured", below: 1.55 },
  { name: "50 %, 4×1", pattern: "4x1", below: 1.65 },
];

const SEPARATOR = "\n<|endoftext|>\n";
const STORIES = 1536;
const DATA = { use: "text", file: "train.txt", separator: "<\\|endoftext\\|>", minChars: 100 };

/** The whole model's probabilities alone, as it gives them: the text is its own. */
function distil(steps: number, learningRate: number): object {
  const length = { steps, learningRate, warmup: 20, schedule: "cosine", batch: 16, maxTokens: SUITE_OPTIONS.maxTokens };
  return { use: "distill/soft-targets", data: DATA, ...length, alpha: 0, temperature: 1, weightDecay: 0 };
}

/** Five rounds by the cubic schedule of Zhu and Gupta (2017), 100 steps each, then three times 400 steps with all of it gone. */
function recipeOf({ pattern }: Target): object[] {
  const rounds = [1, 2, 3, 4, 5].map((round) => 0.5 - 0.5 * (1 - round / 5) ** 3);
  return [
    ...rounds.map((sparsity) => ({ use: "prune/magnitude", pattern, sparsity, retrain: distil(100, 1e-3) })),
    ...[1e-3, 1e-3, 7e-4].map((learningRate) => distil(400, learningRate)),
  ];
}

interface Row extends Target {
  readonly curve: readonly Point[];
  readonly bytes: number;
  readonly faults: readonly string[];
}

async function nllOf(model: string, folder: string): Promise<{ readonly nll: number; readonly faults: string[] }> {
  const { results, fallbacks } = await pareJson(
    ["eval", model, "--suite", "perplexity", "--data", FILES.text, "--options", JSON.stringify(SUITE_OPTIONS)],
    folder,
  );
  const { nll, predictions } = results[0].metrics;
  const faults = fallbacks.map(({ op }: { op: string }) => `eval fell back on ${op}`);
  if (predictions !== PREDICTIONS) faults.push(`${predictions} predictions instead of ${PREDICTIONS}`);
  return { nll, faults };
}

async function measure(target: Target, folder: string): Promise<Row> {
  const steps = recipeOf(target);
  const curve: Point[] = [];
  const faults = new Set<string>();
  let trained = 0;
  let sparsity = 0;
  let bytes = 0;
  for (const [index, step] of steps.entries()) {
    const given = step as { readonly sparsity?: number; readonly steps?: number; readonly retrain?: { readonly steps: number } };
    const name = `${target.pattern}-${index}`;
    writeFileSync(join(folder, "recipe.json"), JSON.stringify(steps.slice(0, index + 1)));
    const done = await pareJson(["compress", FILES.model, "--recipe", "recipe.json", "--out", name], folder);
    for (const { op } of done.fallbacks) faults.add(`compress fell back on ${op}`);
    const measured = await nllOf(name, folder);
    for (const fault of measured.faults) faults.add(fault);
    trained += given.steps ?? given.retrain!.steps;
    sparsity = given.sparsity ?? sparsity;
    bytes = done.after.bytes;
    curve.push({ steps: trained, sparsity, nll: measured.nll });
    console.error(`${target.name}: ${trained} steps, ${(100 * sparsity).toFixed(1)} % gone, NLL ${measured.nll.toFixed(4)}`);
  }
  const last = curve.at(-1)!.nll;
  if (!(last < target.below)) faults.add(`NLL ${last} is not below ${target.below}`);
  return { ...target, curve, bytes, faults: [...faults] };
}

async function judge(): Promise<number> {
  if (filesAbsent()) return 2;
  const folder = mkdtempSync(join(tmpdir(), "pare-retraining-"));
  try {
    const file = join(folder, "train.txt");
    const tokens = await writeOwnText({
      model: FILES.model,
      stories: STORIES,
      maxTokens: SUITE_OPTIONS.maxTokens,
      file,
      separator: SEPARATOR,
    });
    const { separator, minChars } = SUITE_OPTIONS;
    const calibration = splitText(readFileSync(FILES.text, "utf8"), FILES.text, { separator, minChars, skip: 60, examples: 64 });
    appendFileSync(file, SEPARATOR + calibration.pieces.join(SEPARATOR));
    const rows: Row[] = [];
    for (const target of TARGETS) rows.push(await measure(target, folder));
    const missed = rows.filter(({ faults }) => faults.length > 0).length;
    const facts = { ...machine(), ownTokens: tokens };
    const at = process.argv.indexOf("--chart");
    if (at >= 0) await drawChart(process.argv[at + 1]!, retrainingChart(rows, CASES[0].nll));
    console.log(process.argv.includes("--json") ? JSON.stringify({ ...facts, rows, missed }) : report(rows, facts));
    return missed === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(rows: readonly Row[], facts: Readonly<Record<string, string | number>>): string {
  const lines = rows.flatMap(({ name, below, curve, bytes, faults }) => [
    `${name}, below ${below}: ${faults.join("; ") || "met"}; ${bytes} bytes`,
    "",
    "| optimizer steps | gone | NLL |",
    "|---:|---:|---:|",
    ...curve.map(({ steps, sparsity, nll }) => `| ${steps} | ${(100 * sparsity).toFixed(1)} % | ${nll.toFixed(4)} |`),
    "",
  ]);
  const machineLine = Object.entries(facts).map((fact) => fact.join(" "));
  return [...lines, machineLine.join(", ")].join("\n");
}

process.exitCode = await judge();
