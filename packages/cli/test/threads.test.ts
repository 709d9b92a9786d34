import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { folderFiles } from "@pare/core/node";
import { createModel, llama, wordTokenizer } from "@pare/models";
import { expect, test } from "vitest";
import { shapedConfig } from "../src/shapes.ts";
import { runCli, temporaryFolder, type Ran } from "./run-cli.ts";

const WORDS = "the a old young cat dog bird sees hears likes and then sleeps runs .".split(" ");
const RECIPE = [{ use: "train/finetune", data: { use: "text", file: "lines.txt", separator: "\n" }, steps: 4, batch: 4 }];

test("--threads changes no byte, is in the record, and what one number made another finds in the store", async () => {
  const cwd = temporaryFolder();
  const tokenizer = wordTokenizer(WORDS);
  const config = shapedConfig("tiny", { vocabularySize: tokenizer.vocabularySize });
  await createModel(llama.define, config, { seed: 7, tokenizer }).save(folderFiles(join(cwd, "model"), { create: true }));
  writeFileSync(join(cwd, "lines.txt"), Array.from({ length: 8 }, (_, at) => WORDS.toSpliced(0, at).join(" ")).join("\n"));
  writeFileSync(join(cwd, "recipe.json"), JSON.stringify(RECIPE));
  const compress = async (out: string, ...flags: readonly string[]): Promise<Ran> => {
    const ran = await runCli(["compress", "model", "--recipe", "recipe.json", "--out", out, "--json", ...flags], { cwd });
    expect(ran.code, ran.err).toBe(0);
    return ran;
  };
  const two = (await compress("two", "--threads", "2")).json();
  expect(JSON.parse(readFileSync(join(two.run, "record.json"), "utf8")).device).toMatchObject({ backend: "wasm", threads: 2 });
  const elsewhere = (await compress("one", "--store", "elsewhere")).json();
  expect(elsewhere.hash).toBe(two.hash);
  expect((await compress("again")).json().steps[0].status).toBe("cached");
});

test("--threads is refused where the device has none", async () => {
  const cwd = temporaryFolder();
  expect((await runCli(["create", "tiny", "--out", "model"], { cwd })).code).toBe(0);
  writeFileSync(join(cwd, "recipe.json"), JSON.stringify([{ use: "prune/magnitude", sparsity: 0.5 }]));
  const flags = ["--device", "reference", "--threads", "2", "--recipe", "recipe.json", "--out", "out", "--json"];
  const ran = await runCli(["compress", "model", ...flags], { cwd });
  expect([ran.code, ran.json().error.code]).toEqual([2, "cli/threads-unsupported"]);
});
