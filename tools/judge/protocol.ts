/** What is known of the pretrained model stories260K, and how one row of it is measured through the `pare` command. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../workspace.ts";

const DATA = join(ROOT, "..", "shared", "data");
/** The model, the text it is measured on, and the page that prints its story. */
export const FILES = {
  model: join(DATA, "stories260K"),
  text: join(DATA, "text", "tinystories", "tinystories_sample_197k.txt"),
  story: join(DATA, "stories260K", "doc_stories260K.md"),
} as const;

/** Files of {@link FILES} that are not there. */
export function absentFiles(): string[] {
  return Object.values(FILES).filter((path) => !existsSync(path));
}

/** Whether a judge has nothing to judge, and says so. */
export function filesAbsent(): boolean {
  const absent = absentFiles();
  if (absent.length > 0) console.error(`Nothing is judged: ${absent.join(", ")} ${absent.length === 1 ? "is" : "are"} not there.`);
  return absent.length > 0;
}

/** 60 stories of more than 200 characters, each cut to 256 tokens. */
export const SUITE_OPTIONS = {
  separator: "<\\|endoftext\\|>|\\n\\n(?=(?:Once|One day|One morning))",
  minChars: 200,
  examples: 60,
  maxTokens: 256,
} as const;
export const PREDICTIONS = 13_622;

export interface Case {
  readonly name: string;
  /** Absent: the model as it is. */
  readonly step?: Readonly<Record<string, unknown>> | undefined;
  /** Nats per token, as measured with another implementation. */
  readonly nll: number;
  readonly tolerance: number;
}

const NEAR = 0.004;

function rounded(name: string, nll: number, options: object): Case {
  return { name, nll, tolerance: NEAR, step: { use: "quantize/round-to-nearest", symmetric: true, granularity: "channel", ...options } };
}

function pruned(name: string, nll: number, options: object): Case {
  return { name, nll, tolerance: NEAR, step: { use: "prune/magnitude", pattern: "unstructured", scope: "matrix", ...options } };
}

export const CASES: readonly Case[] = [
  { name: "as shipped", nll: 1.3381, tolerance: 0.0002 },
  rounded("int8", 1.3379, { bits: 8, embeddings: true }),
  rounded("int6", 1.3444, { bits: 6, embeddings: true }),
  rounded("int4", 1.5514, { bits: 4, embeddings: true }),
  rounded("int3", 3.567, { bits: 3, embeddings: true }),
  rounded("int8, embedding untouched", 1.3376, { bits: 8, embeddings: false }),
  rounded("int4, embedding untouched", 1.5001, { bits: 4, embeddings: false }),
  rounded("int4 in groups of 32, embedding untouched", 1.4732, { bits: 4, granularity: "group", groupSize: 32, embeddings: false }),
  pruned("magnitude 10 % per matrix", 1.345, { sparsity: 0.1 }),
  pruned("magnitude 20 % per matrix", 1.396, { sparsity: 0.2 }),
  pruned("magnitude 30 % per matrix", 1.647, { sparsity: 0.3 }),
  pruned("magnitude 50 % per matrix", 3.607, { sparsity: 0.5 }),
  pruned("magnitude 70 % per matrix", 5.725, { sparsity: 0.7 }),
  pruned("magnitude 50 % per row", 3.494, { sparsity: 0.5, scope: "row" }),
  pruned("magnitude 50 % in 4×1 blocks", 5.59, { sparsity: 0.5, pattern: "4x1" }),
];

/** Runs `pare` with these arguments in a folder; gives its exit code and what it printed. */
export type Pare = (argv: readonly string[], cwd: string) => Promise<{ readonly code: number; readonly out: string; readonly err: string }>;

export interface Row {
  readonly name: string;
  readonly expected: number;
  readonly tolerance: number;
  readonly measured: number;
  readonly predictions: number;
  /** Bytes of all weights as they are stored. */
  readonly bytes: number;
  /** Weights by storage. */
  readonly storages: Readonly<Record<string, number>>;
  /** Uses of weights by the kernel that ran them. */
  readonly kernels: Readonly<Record<string, number>>;
  /** What is wrong with the row; empty where all is right. */
  readonly faults: readonly string[];
}

/** Compresses and evaluates as one case says, in a folder of its own. Throws what `pare` said where it failed. */
export async function measureCase({ name, step, nll, tolerance }: Case, folder: string, pare: Pare): Promise<Row> {
  mkdirSync(folder, { recursive: true });
  const faults: string[] = [];
  const json = async (...argv: readonly string[]): Promise<any> => {
    const { code, out, err } = await pare([...argv, "--json"], folder);
    if (code !== 0) throw new Error(`pare ${argv.join(" ")} ended with ${code}: ${err}`);
    return JSON.parse(out);
  };
  if (step !== undefined) {
    writeFileSync(join(folder, "recipe.json"), JSON.stringify([step]));
    const { fallbacks } = await json("compress", FILES.model, "--recipe", "recipe.json", "--out", "model");
    faults.push(...fallbacks.map(({ op }: { op: string }) => `compress fell back on ${op}`));
  }
  const model = step === undefined ? FILES.model : "model";
  const { weights, bytes } = await json("inspect", model);
  const evaluated = await json("eval", model, "--suite", "perplexity", "--data", FILES.text, "--options", JSON.stringify(SUITE_OPTIONS));
  const { nll: measured, predictions } = evaluated.results[0].metrics;
  faults.push(...evaluated.fallbacks.map(({ op }: { op: string }) => `eval fell back on ${op}`), ...madeDense(weights, evaluated.choices));
  if (predictions !== PREDICTIONS) faults.push(`${predictions} predictions instead of ${PREDICTIONS}`);
  if (!(Math.abs(measured - nll) <= tolerance)) faults.push(`NLL ${measured} instead of ${nll} ± ${tolerance}`);
  return {
    name,
    expected: nll,
    tolerance,
    measured,
    predictions,
    bytes,
    storages: tally(weights.map(({ storage }: Weight) => storage)),
    kernels: tally(kernelsOf(evaluated.choices)),
    faults,
  };
}

interface Weight {
  readonly name: string;
  readonly storage: string;
}
interface Choice {
  readonly what: string;
  readonly chosen: string;
  readonly why: string;
}

/**
 * Weights that are stored otherwise than dense and ran dense all the same, or of which nothing was recorded. Only a sparse weight may,
 * where both ways were timed.
 */
function madeDense(weights: readonly Weight[], choices: readonly Choice[]): string[] {
  return weights
    .filter(({ storage }) => storage !== "dense")
    .flatMap(({ name, storage }) => {
      const own = choices.filter(({ what }) => what.startsWith(`${name} `));
      if (own.length === 0) return [`no kernel was recorded for ${name}`];
      const timed = (why: string): boolean => storage.startsWith("sparse/") && /ms sparse, .* ms dense/.test(why);
      return own.filter(({ chosen, why }) => chosen === "dense" && !timed(why)).map(({ what, why }) => `${what} was made dense: ${why}`);
    });
}

/** The kernel of each use of a weight, once each: a weight may run otherwise where it meets other numbers of rows. */
function kernelsOf(choices: readonly Choice[]): string[] {
  return [...new Map(choices.map(({ what, chosen }) => [`${what}: ${chosen}`, chosen])).values()];
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

export interface Check {
  readonly name: string;
  readonly faults: readonly string[];
}

/** The story of the model's page, token for token greedily, and llama2.c's ids. */
export async function checkText(folder: string, pare: Pare): Promise<Check[]> {
  const story = /-t 0\.0\n([^]*?)\n```/.exec(readFileSync(FILES.story, "utf8"))![1]!;
  const generated = await pare(["generate", FILES.model], folder);
  const ids = await pare(["tokenize", FILES.model, "Once upon a time", "--json"], folder);
  const known = [1, 403, 407, 261, 378];
  return [
    {
      name: "greedy text of the model's page",
      faults: generated.out === `${story}\n` ? [] : [`other text: ${generated.out}${generated.err}`],
    },
    {
      name: `ids of "Once upon a time"`,
      faults: ids.code === 0 && JSON.stringify(JSON.parse(ids.out).ids) === JSON.stringify(known) ? [] : [`${ids.out}${ids.err}`],
    },
  ];
}
