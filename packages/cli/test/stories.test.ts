/** The commands on a pretrained model: figures of the protocol in the data's own notes, through `compress`, `eval` and `train`. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runCli, temporaryFolder } from "./run-cli.ts";

const shared = fileURLToPath(new URL("../../../../shared/data", import.meta.url));
const stories = join(shared, "stories260K");
const text = join(shared, "text/tinystories/tinystories_sample_197k.txt");
const absent = !existsSync(stories) || !existsSync(text);
if (absent) console.warn(`Compression of a pretrained model is not checked: ${stories} or ${text} is not there.`);

const pieces = { separator: "<\\|endoftext\\|>|\\n\\n(?=(?:Once|One day|One morning))", minChars: 200 };
const protocol = JSON.stringify({ ...pieces, examples: 60, maxTokens: 256 });

async function nllOf(model: string, cwd?: string): Promise<number> {
  const ran = await runCli(
    ["eval", model, "--suite", "perplexity", "--data", text, "--options", protocol, "--json"],
    cwd === undefined ? {} : { cwd },
  );
  expect(ran.code, ran.err).toBe(0);
  const { results, fallbacks } = ran.json();
  expect(fallbacks).toEqual([]);
  expect(results).toMatchObject([{ suite: "perplexity", label: "unknown", metrics: { predictions: 13_622, tokens: 13_682 } }]);
  return results[0].metrics.nll as number;
}

test.skipIf(absent)("full precision", async () => expect(Math.abs((await nllOf(stories)) - 1.3381)).toBeLessThan(0.0005));

const rounded = (bits: number): object => ({
  use: "quantize/round-to-nearest",
  bits,
  symmetric: true,
  granularity: "channel",
  embeddings: true,
});
const pruned = (sparsity: number): object => ({ use: "prune/magnitude", sparsity, pattern: "unstructured", scope: "matrix" });

test.skipIf(absent).each([
  ["int8", rounded(8), 1.3379],
  ["int4", rounded(4), 1.5514],
  ["int3", rounded(3), 3.567],
  ["30 % pruned", pruned(0.3), 1.647],
  ["70 % pruned", pruned(0.7), 5.725],
])("%s", async (_, step, expected) => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "recipe.json"), JSON.stringify([step]));
  const ran = await runCli(["compress", stories, "--recipe", "recipe.json", "--out", "out", "--json"], { cwd });
  expect(ran.code, ran.err).toBe(0);
  expect(ran.json().fallbacks).toEqual([]);
  expect(Math.abs((await nllOf("out", cwd)) - expected)).toBeLessThan(0.004);
});

test.skipIf(absent)("training a pruned model wins back what pruning lost, keeps its zeros, and remembers what it saw", async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "recipe.yaml"), "- use: prune/magnitude\n  sparsity: 0.5\n  storage: dense\n");
  expect((await runCli(["compress", stories, "--recipe", "recipe.yaml", "--out", "pruned"], { cwd })).code).toBe(0);
  const options = JSON.stringify({ data: { ...pieces, skip: 60, examples: 64 }, maxTokens: 64, steps: 12, batch: 8, learningRate: 2e-3 });
  const ran = await runCli(["train", "pruned", "--data", text, "--options", options, "--out", "trained", "--json"], { cwd });
  expect(ran.code, ran.err).toBe(0);
  const { steps, after, fallbacks } = ran.json();
  expect(fallbacks).toEqual([]);
  expect(steps).toMatchObject([{ use: "train/finetune", status: "ran" }]);
  expect(after.kept).toBe(ran.json().before.kept);
  expect(
    (await runCli(["eval", "trained", "--suite", "perplexity", "--data", text, "--options", protocol, "--json"], { cwd })).json().results[0]
      .metrics.nll,
  ).toBeLessThan(3.2);
});

test.skipIf(absent)("bad options are refused with a code", async () => {
  const evaluate = (...flags: string[]) => runCli(["eval", stories, ...flags, "--json"]);
  expect((await evaluate("--suite", "perplexit")).json().error).toMatchObject({ code: "core/plugin-unknown", near: ["perplexity"] });
  expect((await evaluate("--suite", "perplexity")).json().error).toMatchObject({ code: "eval-suites/data-missing" });
  expect((await evaluate("--suite", "perplexity", "--data", text, "--options", '{"minchars":3}')).json().error).toMatchObject({
    code: "core/option-unknown",
    near: ["minChars"],
  });
  expect((await evaluate("--suite", "perplexity", "--options", "{")).json().error).toMatchObject({
    code: "cli/flag-invalid",
    field: "--options",
  });
  const missing = await evaluate("--suite", "perplexity", "--data", "nowhere.txt");
  expect(missing.code).toBe(2);
  expect(missing.json().error).toMatchObject({ code: "training/data-file-missing" });
});
