/** `pare scan`, and a recipe that spends a budget by a scan. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { folderFiles } from "@pare/core/node";
import { createModel, llama, llamaConfig, wordTokenizer } from "@pare/models";
import { expect, test } from "vitest";
import { runCli, temporaryFolder } from "./run-cli.ts";

const WORDS = "one two three four five six seven".split(" ");

async function workplace(): Promise<string> {
  const cwd = temporaryFolder();
  const tokenizer = wordTokenizer(WORDS);
  const shape = { vocabularySize: tokenizer.vocabularySize, contextLength: 16, hiddenSize: 8, layers: 2, heads: 2, feedForward: 12 };
  await createModel(llama.define, llamaConfig(shape), { seed: 1, tokenizer }).save(folderFiles(join(cwd, "model"), { create: true }));
  writeFileSync(join(cwd, "text.txt"), Array.from({ length: 8 }, (_, i) => [...WORDS.slice(i % 4), "one", "two"].join(" ")).join("\n"));
  return cwd;
}

test("scan shows losses by part and share, the same again from the store", async () => {
  const cwd = await workplace();
  const argv = ["scan", "model", "--at", "0.5,0.75", "--group", "layer", "--data", "text.txt", "--options", '{"data":{"separator":"\\n"}}'];
  const shown = await runCli([...argv, "--chart", "losses.svg"], { cwd });
  expect(shown.code, shown.err).toBe(0);
  expect(shown.out).toMatch(/50 %.*75 %/);
  expect(shown.out).toMatch(/layers\.1/);
  expect(readFileSync(join(cwd, "losses.svg"), "utf8")).toMatch(/^<svg /);
  expect((await runCli([...argv, "--chart", "losses.svg"], { cwd })).err).toMatch(/cli\/output-exists/);
  const found = (await runCli([...argv, "--json"], { cwd })).json();
  expect(found.groups.map(({ name, points }: { name: string; points: object[] }) => [name, points.length])).toEqual([
    ["layers.0", 2],
    ["layers.1", 2],
  ]);
  expect(found.whole.loss.toFixed(4)).toBe(/nothing gone[^\d]+([\d.]+)/.exec(shown.out)![1]);
  for (const wrong of [
    ["--at", "0.5,1"],
    ["--at", "0"],
    ["--parts", "toes"],
    ["--prune", "prune/nothing"],
  ])
    expect((await runCli([...argv, ...wrong], { cwd })).code, wrong.join(" ")).not.toBe(0);
});

test("a recipe allots a budget by a scan", async () => {
  const cwd = await workplace();
  const data = { use: "text", file: "text.txt", separator: "\n" };
  const steps = [
    { use: "prune/scan", prune: { use: "prune/magnitude" }, at: [0.3, 0.6, 0.9], data },
    { use: "prune/allocate", budget: { of: "parameters", share: 0.7 } },
  ];
  writeFileSync(join(cwd, "recipe.json"), JSON.stringify(steps));
  const ran = await runCli(["compress", "model", "--recipe", "recipe.json", "--out", "small", "--json"], { cwd });
  expect(ran.code, ran.err).toBe(0);
  const { before, after } = ran.json();
  expect(after.kept).toBeLessThanOrEqual(0.7 * before.parameters);
});
