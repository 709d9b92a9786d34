/** Training from the command line: the same bytes whatever happens on the way, and nothing done twice. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { folderFiles } from "@pare/core/node";
import { createModel, llama, wordTokenizer } from "@pare/models";
import { expect, test } from "vitest";
import { shapedConfig } from "../src/shapes.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url));
const WORDS = "the a old young cat dog bird sees hears likes and then sleeps runs .".split(" ");
const STEPS = 400;

const PRUNE = { use: "prune/magnitude", sparsity: 0.3 };
const TRAIN = { use: "train/finetune", data: { use: "text", file: "lines.txt", separator: "\n" }, steps: STEPS, batch: 16 };
const ROUND = { use: "quantize/round-to-nearest", bits: 8, embeddings: true };

/** A random model that reads words, lines of them, and a recipe that prunes, trains and rounds. */
async function workplace(): Promise<string> {
  const cwd = temporaryFolder();
  const tokenizer = wordTokenizer(WORDS);
  const config = shapedConfig("tiny", { vocabularySize: tokenizer.vocabularySize });
  await createModel(llama.define, config, { seed: 0, tokenizer }).save(folderFiles(join(cwd, "words"), { create: true }));
  const flags = ["--tokenizer", "words", "--hidden", "64", "--feed-forward", "128", "--out", "model", "--seed", "2"];
  expect((await runCli(["create", "tiny", ...flags], { cwd })).code).toBe(0);
  writeLines(cwd, 1);
  writeRecipe(cwd, [PRUNE, TRAIN, ROUND]);
  return cwd;
}

function writeLines(cwd: string, step: number): void {
  const line = (at: number): string => Array.from({ length: 24 }, (_, i) => WORDS[(at * 7 + i * i * step) % WORDS.length]).join(" ");
  writeFileSync(join(cwd, "lines.txt"), Array.from({ length: 64 }, (_, at) => line(at)).join("\n"));
}

function writeRecipe(cwd: string, steps: readonly object[]): void {
  writeFileSync(join(cwd, "recipe.json"), JSON.stringify(steps));
}

const COMPRESS = ["compress", "model", "--recipe", "recipe.json"];

async function finish(cwd: string, out: string, ...flags: readonly string[]): Promise<any> {
  const ran = await runCli([...COMPRESS, "--out", out, "--json", ...flags], { cwd });
  expect(ran.code, ran.err).toBe(0);
  return ran.json();
}

function statuses({ steps }: { readonly steps: readonly { readonly status: string }[] }): string[] {
  return steps.map(({ status }) => status);
}

function contents(cwd: string, out: string): Record<string, string> {
  const folder = join(cwd, out);
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString("base64")]));
}

/** Starts the command and sends it a signal so long after it said that training begins. */
async function stop(cwd: string, signal: NodeJS.Signals, after: number): Promise<{ readonly code: number | null; readonly err: string }> {
  const child = spawn(
    process.execPath,
    ["--conditions=@pare/source", "--disable-warning=ExperimentalWarning", bin, ...COMPRESS, "--out", "out"],
    {
      cwd,
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let err = "";
  let sent = false;
  child.stderr.on("data", (chunk) => {
    err += chunk;
    if (sent || !err.includes("step 2 of 3")) return;
    sent = true;
    void wait(after).then(() => child.kill(signal));
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, err };
}

/** Training steps that the snapshot of a stopped run holds; 0 without one. */
function stepsKept(cwd: string): number {
  const scratch = join(cwd, ".pare", "scratch");
  const file = existsSync(scratch)
    ? readdirSync(scratch, { recursive: true, encoding: "utf8" }).find((name) => name.endsWith("snapshot"))
    : undefined;
  return file === undefined ? 0 : Number(/"step":(\d+)/.exec(readFileSync(join(scratch, file), "latin1"))![1]);
}

test("Ctrl-C and kill -9 in the middle of training: the same command goes on from the snapshot, to the same bytes", async () => {
  const whole = await workplace();
  expect(statuses(await finish(whole, "out"))).toEqual(["ran", "ran", "ran"]);

  const cut = await workplace();
  let after = 200;
  for (; stepsKept(cut) === 0; after *= 2) {
    const { code, err } = await stop(cut, "SIGINT", after);
    expect(code, err).toBe(130);
    expect(err).toContain("core/cancelled");
    expect(err).toContain("resumes");
  }
  const kept = stepsKept(cut);
  expect(kept).toBeLessThan(STEPS);
  expect((await stop(cut, "SIGKILL", after / 2)).code).toBe(null);
  expect(readdirSync(cut).sort()).toEqual([".pare", "lines.txt", "model", "recipe.json", "words"]);

  const { run, ...done } = await finish(cut, "out");
  expect(statuses(done)).toEqual(["cached", "ran", "ran"]);
  const { steps } = JSON.parse(readFileSync(join(run, "record.json"), "utf8"));
  const told = steps[1].events.filter(({ type }: { type: string }) => type === "metric").map(({ step }: { step: number }) => step);
  expect(Math.min(...told)).toBeGreaterThan(kept);
  expect(Math.max(...told)).toBe(STEPS);
  expect(contents(cut, "out")).toEqual(contents(whole, "out"));
});

test("what changed runs again with all that follows, and nothing before it: an option, a text, a seed", async () => {
  const cwd = await workplace();
  const short = { ...TRAIN, steps: 3 };
  const run = async (out: string, ...flags: readonly string[]): Promise<string[]> => statuses(await finish(cwd, out, ...flags));
  writeRecipe(cwd, [PRUNE, short, ROUND]);
  expect(await run("a")).toEqual(["ran", "ran", "ran"]);
  expect(await run("b")).toEqual(["cached", "cached", "cached"]);
  expect(contents(cwd, "b")).toEqual(contents(cwd, "a"));
  expect(await run("fresh", "--store", "elsewhere")).toEqual(["ran", "ran", "ran"]);
  expect(contents(cwd, "fresh")).toEqual(contents(cwd, "a"));

  writeRecipe(cwd, [PRUNE, short, { ...ROUND, bits: 4 }]);
  expect(await run("c")).toEqual(["cached", "cached", "ran"]);
  writeRecipe(cwd, [PRUNE, { ...short, learningRate: 0.01 }, ROUND]);
  expect(await run("d")).toEqual(["cached", "ran", "ran"]);
  writeRecipe(cwd, [PRUNE, short, ROUND]);
  writeLines(cwd, 2);
  expect(await run("e")).toEqual(["cached", "ran", "ran"]);
  expect(contents(cwd, "e")["model.safetensors"]).not.toBe(contents(cwd, "a")["model.safetensors"]);
  expect(await run("f", "--seed", "1")).toEqual(["ran", "ran", "ran"]);
  writeLines(cwd, 1);
  expect(await run("g")).toEqual(["cached", "cached", "cached"]);
  expect(contents(cwd, "g")).toEqual(contents(cwd, "a"));
});
