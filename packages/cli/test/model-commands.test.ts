/** inspect, tokenize, generate and create; on a pretrained model where it is present. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createRegistry } from "@pare/core";
import { builtIn, createModel, type Architecture } from "@pare/models";
import { sizeOf } from "@pare/tensor-core";
import { expect, test } from "vitest";
import { shapedConfig } from "../src/shapes.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

const stories = fileURLToPath(new URL("../../../../shared/data/stories260K", import.meta.url));
const absent = !existsSync(stories);
if (absent) console.warn(`Commands are not tried on a pretrained model: ${stories} is not there.`);

test.skipIf(absent)("inspect tells config, weights, tokenizer and origin", async () => {
  const facts = (await runCli(["inspect", stories, "--json"])).json();
  expect(facts).toMatchObject({
    architecture: "llama",
    parameters: 260_032,
    tokenizer: { vocabularySize: 512, special: { begin: 1 } },
    provenance: { seen: null, deeds: [], origin: expect.stringContaining("llama2.c") },
  });
  expect(facts.bytes).toBe(4 * 260_032);
});

test.skipIf(absent)("tokenize encodes as llama2.c does, and back", async () => {
  const ids = [1, 403, 407, 261, 378];
  expect((await runCli(["tokenize", stories, "Once upon a time", "--json"])).json()).toEqual({ ids, count: 5 });
  expect((await runCli(["tokenize", stories, "Once upon a time", "--no-special"])).out).toBe("403 407 261 378\n");
  expect((await runCli(["tokenize", stories, "--decode", ids.join(), "--json"])).json()).toEqual({ ids, text: "Once upon a time" });
  expect(await runCli(["tokenize", stories, "--decode", "1,512", "--json"])).toMatchObject({ code: 2 });
  expect(await runCli(["tokenize", stories, "--json"])).toMatchObject({ code: 2 });
});

test.skipIf(absent)("generate streams the text of the model's own page", async () => {
  const page = readFileSync(join(stories, "doc_stories260K.md"), "utf8");
  const expected = /-t 0\.0\n([^]*?)\n```/.exec(page)![1]!;
  const ran = await runCli(["generate", stories, "--max-tokens", "256"]);
  expect(ran.code, ran.err).toBe(0);
  expect(ran.out.length).toBeGreaterThan(500);
  expect(expected.startsWith(ran.out.trimEnd())).toBe(true);
});

test.skipIf(absent)("rounded activations are used where they are asked for and a weight has a kernel for them", async () => {
  const folder = temporaryFolder();
  for (const type of ["q8_0", "f16"]) {
    expect(await runCli(["convert", stories, join(folder, `${type}.gguf`), "--options", JSON.stringify({ type })])).toMatchObject({
      code: 0,
    });
  }
  const flags = ["--max-tokens", "8", "--round-activations", "--store", join(folder, "store"), "--json"];
  const { choices } = (await runCli(["generate", join(folder, "q8_0.gguf"), ...flags])).json();
  const linear = choices.filter(({ what }: { what: string }) => what.endsWith(" linear"));
  // Rows that no block of 32 divides are f16 in such a file.
  expect(new Set(linear.map(({ chosen, why }: { chosen: string; why: string }) => `${chosen}: ${why}`))).toEqual(
    new Set([
      "linear-affine-int8: rounded activations were asked for",
      "linear-half: no kernel here rounds activations for this storage; first candidate of the storage",
    ]),
  );
  for (const model of [join(folder, "f16.gguf"), stories]) {
    const { code, json } = await runCli(["generate", model, ...flags]);
    expect([code, json().error.code]).toEqual([2, "cli/rounding-unsupported"]);
  }
});

test.skipIf(absent)("the same ids with and without the cache, from a prompt and by sampling", async () => {
  const flags = [
    "generate",
    stories,
    "--prompt",
    "Tom and",
    "--max-tokens",
    "12",
    "--temperature",
    "0.8",
    "--top-p",
    "0.9",
    "--seed",
    "5",
    "--json",
  ];
  const cached = (await runCli(flags)).json();
  const whole = (await runCli([...flags, "--no-cache"])).json();
  expect(whole.ids).toEqual(cached.ids);
  expect(cached.text.startsWith("Tom and")).toBe(true);
  expect(cached.tokens).toBe(12);
});

test("create makes the named shape with the sizes that flags give, the same for the same seed", async () => {
  const cwd = temporaryFolder();
  const create = (out: string, ...flags: string[]) => runCli(["create", "tiny", "--out", out, "--json", ...flags], { cwd });
  const made = (await create("a", "--layers", "3", "--heads", "2", "--vocabulary", "100")).json();
  expect(made.config).toMatchObject({ vocabularySize: 100, hiddenSize: 32, layers: [{}, {}, {}] });
  expect(made.config.layers[0].keyValueHeads).toEqual([0, 1]);
  const weights = (out: string): Buffer => readFileSync(join(cwd, out, "model.safetensors"));
  await create("b", "--seed", "1");
  await create("c", "--seed", "1");
  await create("d", "--seed", "2");
  expect(weights("b").equals(weights("c"))).toBe(true);
  expect(weights("b").equals(weights("d"))).toBe(false);
  expect((await create("e", "--hidden", "33")).json().error.code).toMatch(/^models\//);
  const misnamed = (await runCli(["create", "tyny", "--out", "f", "--json"], { cwd })).json();
  expect(misnamed.error).toMatchObject({ code: "cli/shape-unknown", near: ["tiny"] });
  expect(existsSync(join(cwd, "f"))).toBe(false);
});

test.each(["stories260K", "encoder-decoder-tiny", "bert-tiny"])("create %s can be inspected", async (shape) => {
  const cwd = temporaryFolder();
  const made = (await runCli(["create", shape, "--out", "model", "--json"], { cwd })).json();
  const facts = (await runCli(["inspect", "model", "--json"], { cwd })).json();
  expect(facts.parameters).toBe(made.parameters);
  expect(facts.provenance).toMatchObject({ seen: [], deeds: [] });
  expect(statSync(join(cwd, "model", "model.safetensors")).size).toBeGreaterThan(made.bytes);
});

test("shapes of published models have their numbers of parameters", () => {
  const registry = createRegistry(...builtIn);
  const parameters = (shape: string): number => {
    const config = shapedConfig(shape, {});
    const { weights } = createModel(registry.find("architecture", config.architecture).define as Architecture, config, { seed: 0 });
    return [...weights.values()].reduce((sum, { shape: size }) => sum + sizeOf(size), 0);
  };
  // As the library counts them: without poolers, tied matrices once.
  expect(parameters("gpt2")).toBe(124_439_808);
  expect(parameters("bert-base")).toBe(109_482_240 - 768 * 768 - 768);
  expect(parameters("minilm")).toBe(22_713_216 - 384 * 384 - 384);
  expect(parameters("t5-small")).toBe(60_506_624);
  expect(parameters("qwen2-0.5b")).toBe(494_032_768);
});

test("shapes refuse flags that say nothing of them", async () => {
  const cwd = temporaryFolder();
  const create = (shape: string, ...flags: string[]) => runCli(["create", shape, "--out", "m", "--json", ...flags], { cwd });
  for (const shape of ["bert-tiny", "gpt2", "t5-small"])
    expect((await create(shape, "--kv-heads", "1")).json().error.code).toBe("cli/flag-invalid");
  expect((await create("bert-tiny", "--untied")).json().error.code).toBe("cli/flag-invalid");
  expect((await create("t5-small", "--hidden", "32", "--heads", "4", "--vocabulary", "64", "--layers", "1")).json().config).toMatchObject({
    headDim: 8,
    encoder: [{}],
  });
});

test("create gives a model BERT's tokenizer of a vocab.txt", async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwalk\n##s\n");
  const made = (await runCli(["create", "bert-tiny", "--tokenizer", "vocab.txt", "--out", "m", "--json"], { cwd })).json();
  expect(made.config.vocabularySize).toBe(7);
  expect((await runCli(["tokenize", "m", "Walks", "--no-special", "--json"], { cwd })).json().ids).toEqual([5, 6]);
  expect((await runCli(["create", "bert-tiny", "--tokenizer", "none.txt", "--out", "n", "--json"], { cwd })).json().error.code).toBe(
    "cli/file-unreadable",
  );
});

test("a folder without a model, and one that is not there, name themselves", async () => {
  const cwd = temporaryFolder();
  expect((await runCli(["inspect", ".", "--json"], { cwd })).json().error).toMatchObject({ code: "models/folder-unknown", file: cwd });
  expect((await runCli(["inspect", "nowhere", "--json"], { cwd })).json().error).toMatchObject({ code: "core/folder-missing" });
  await runCli(["create", "tiny", "--out", "m"], { cwd });
  expect((await runCli(["generate", "m", "--json"], { cwd })).json().error).toMatchObject({ code: "cli/tokenizer-missing" });
});

test("an unknown device names near ones", async () => {
  const cwd = temporaryFolder();
  await runCli(["create", "tiny", "--out", "m"], { cwd });
  const ran = await runCli(["compress", "m", "--recipe", "int8", "--out", "o", "--device", "wsm", "--json"], { cwd });
  expect(ran).toMatchObject({ code: 2 });
  expect(ran.json().error).toMatchObject({ code: "core/plugin-unknown", near: ["wasm"] });
});

test.skipIf(absent)("a pruned model runs dense or sparse as timings say, and the store keeps them", async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "recipe.json"), JSON.stringify([{ use: "prune/magnitude", sparsity: 0.9, pattern: "4x1" }]));
  const compressed = await runCli(["compress", stories, "--recipe", "recipe.json", "--out", "sparse"], { cwd });
  expect(compressed.code, compressed.err).toBe(0);
  const generate = () => runCli(["generate", "sparse", "--max-tokens", "2", "--json"], { cwd });
  const first = (await generate()).json();
  const [timings] = readdirSync(join(cwd, ".pare")).filter((name) => name.startsWith("timings-"));
  expect(timings).toMatch(/^timings-(relaxed-)?simd.*\.json$/);
  const queries = first.choices.filter(({ what }: { what: string }) => what === "layers.0.attention.query linear");
  expect(queries).not.toEqual([]);
  for (const { chosen, why } of queries) {
    expect(["dense", "sparse-block-linear"]).toContain(chosen);
    expect(why).toMatch(/ms sparse, .* ms dense at \d+ rows/);
  }
  expect((await generate()).json().choices).toEqual(first.choices);
  expect(first.fallbacks).toEqual([]);
});
