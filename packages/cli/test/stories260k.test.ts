/** A real pretrained model through the command line: a part of what `tools/judge/stories260k.ts` measures. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { absentFiles, CASES, checkText, FILES, measureCase, SUITE_OPTIONS, type Pare } from "../../../tools/judge/protocol.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

const absent = absentFiles();
if (absent.length > 0) console.warn(`stories260K is not measured: ${absent.join(", ")} not there.`);

const pare: Pare = (argv, cwd) => runCli(argv, { cwd });
const tried = ["as shipped", "int8", "int4", "int3", "magnitude 30 % per matrix", "magnitude 70 % per matrix"];
const cases = CASES.filter(({ name }) => tried.includes(name));

test("every row that is tried is among those of the protocol", () => {
  expect(cases.map(({ name }) => name)).toEqual(tried);
});

test.skipIf(absent.length > 0).each(cases)("$name has the known NLL, runs from its storage and falls back on nothing", async (each) => {
  const row = await measureCase(each, join(temporaryFolder(), "case"), pare);
  expect(row.faults).toEqual([]);
});

test.skipIf(absent.length > 0)("writes the story of its page to the last token, and llama2.c's ids", async () => {
  for (const { name, faults } of await checkText(temporaryFolder(), pare)) expect(faults, name).toEqual([]);
});

test.skipIf(absent.length > 0)("training a pruned model wins back what pruning lost, and keeps its zeros", async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "recipe.yaml"), "- use: prune/magnitude\n  sparsity: 0.5\n  storage: dense\n");
  expect((await runCli(["compress", FILES.model, "--recipe", "recipe.yaml", "--out", "pruned"], { cwd })).code).toBe(0);
  const { separator, minChars } = SUITE_OPTIONS;
  const data = { separator, minChars, skip: 60, examples: 64 };
  const options = JSON.stringify({ data, maxTokens: 64, steps: 12, batch: 8, learningRate: 2e-3 });
  const ran = await runCli(["train", "pruned", "--data", FILES.text, "--options", options, "--out", "trained", "--json"], { cwd });
  expect(ran.code, ran.err).toBe(0);
  const { steps, before, after, fallbacks } = ran.json();
  expect(fallbacks).toEqual([]);
  expect(steps).toMatchObject([{ use: "train/finetune", status: "ran" }]);
  expect(after.kept).toBe(before.kept);
  const evaluate = ["eval", "trained", "--suite", "perplexity", "--data", FILES.text, "--options", JSON.stringify(SUITE_OPTIONS), "--json"];
  // 3.607 before.
  expect((await runCli(evaluate, { cwd })).json().results[0].metrics.nll).toBeLessThan(3.2);
});
