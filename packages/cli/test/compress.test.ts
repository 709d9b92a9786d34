import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli, temporaryFolder, type Ran } from "./run-cli.ts";

const RECIPE = [
  { use: "prune/magnitude", sparsity: 0.5, pattern: "unstructured", scope: "matrix" },
  { use: "quantize/round-to-nearest", bits: 8, symmetric: true, granularity: "channel", embeddings: true },
];

/** A folder with a random model in `model` and a recipe in `recipe.json`. */
async function workplace(recipe: unknown = RECIPE): Promise<string> {
  const cwd = temporaryFolder();
  expect((await runCli(["create", "tiny", "--out", "model", "--seed", "7"], { cwd })).code).toBe(0);
  writeFileSync(join(cwd, "recipe.json"), JSON.stringify(recipe));
  return cwd;
}

function compress(cwd: string, out: string, ...flags: readonly string[]): Promise<Ran> {
  return runCli(["compress", "model", "--recipe", "recipe.json", "--out", out, "--json", ...flags], { cwd });
}

function contents(folder: string): Record<string, string> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString("base64")]));
}

test("writes model, recipe, lock and card, and says what each step did", async () => {
  const cwd = await workplace();
  const ran = await compress(cwd, "out");
  expect(ran.code, ran.err).toBe(0);
  const result = ran.json();
  expect(result).toMatchObject({ out: "out", seed: 0, device: { backend: "wasm" } });
  expect(result.steps.map(({ use, status }: { use: string; status: string }) => [use, status])).toEqual([
    ["prune/magnitude", "ran"],
    ["quantize/round-to-nearest", "ran"],
  ]);
  expect(result.after.parameters).toBe(result.before.parameters);
  expect(result.steps[0].kept).toBeLessThan(0.75 * result.before.kept);
  expect(result.after.bytes).toBeLessThan(0.5 * result.before.bytes);
  const files = readdirSync(join(cwd, "out")).sort();
  expect(files).toEqual(["README.md", "config.json", "model.safetensors", "pare-lock.json", "provenance.json", "recipe.json"]);
  const lock = JSON.parse(readFileSync(join(cwd, "out", "pare-lock.json"), "utf8"));
  expect(lock.output).toBe(result.hash);
  expect(Object.keys(lock.files).sort()).toEqual(files.filter((name) => name !== "pare-lock.json"));
  expect(readFileSync(join(cwd, "out", "README.md"), "utf8")).toContain("`prune/magnitude`");
  expect(existsSync(join(result.run, "record.json"))).toBe(true);

  const inspected = (await runCli(["inspect", "out", "--json"], { cwd })).json();
  expect(inspected.provenance.deeds.map(({ use }: { use: string }) => use)).toEqual(["prune/magnitude", "quantize/round-to-nearest"]);
  expect(inspected.weights.map(({ storage }: { storage: string }) => storage)).toContain("affine");
});

test("same seed, same bytes, with and without the store; the recipe it wrote makes the same again", async () => {
  const cwd = await workplace();
  expect((await compress(cwd, "a")).code).toBe(0);
  expect((await compress(cwd, "b", "--store", "elsewhere")).code).toBe(0);
  const again = await compress(cwd, "c");
  expect(again.json().steps.map(({ status }: { status: string }) => status)).toEqual(["cached", "cached"]);
  const written = await runCli(["compress", "model", "--recipe", "a/recipe.json", "--out", "d", "--json"], { cwd });
  expect(written.code).toBe(0);
  const a = contents(join(cwd, "a"));
  for (const other of ["b", "c", "d"]) expect(contents(join(cwd, other))).toEqual(a);
});

test("a changed option runs again from its step and no earlier", async () => {
  const cwd = await workplace();
  await compress(cwd, "a");
  writeFileSync(join(cwd, "recipe.json"), JSON.stringify([RECIPE[0], { ...RECIPE[1], bits: 4 }]));
  const ran = await compress(cwd, "b");
  expect(ran.json().steps.map(({ status }: { status: string }) => status)).toEqual(["cached", "ran"]);
});

test("--dry-run says what would be done and touches nothing", async () => {
  const cwd = await workplace();
  const before = readdirSync(cwd);
  const ran = await compress(cwd, "out", "--dry-run");
  expect(ran.code).toBe(0);
  expect(ran.json().steps).toHaveLength(2);
  expect(ran.json().after).toBeUndefined();
  expect(readdirSync(cwd)).toEqual(before);
});

test("an occupied output folder is refused; --force replaces what Pare wrote and nothing else", async () => {
  const cwd = await workplace();
  await compress(cwd, "out");
  const first = contents(join(cwd, "out"));
  const refused = await compress(cwd, "out");
  expect(refused.code).toBe(2);
  expect(refused.json().error).toMatchObject({ code: "cli/output-occupied", field: "--out" });
  expect(contents(join(cwd, "out"))).toEqual(first);
  expect((await compress(cwd, "out", "--force", "--seed", "3")).code).toBe(0);
  expect(contents(join(cwd, "out"))).not.toEqual(first);

  mkdirSync(join(cwd, "mine"));
  writeFileSync(join(cwd, "mine", "thesis.txt"), "years of work");
  expect((await compress(cwd, "mine", "--force")).json().error.code).toBe("cli/output-occupied");
  expect(contents(join(cwd, "mine"))).toHaveProperty(["thesis.txt"]);
  mkdirSync(join(cwd, "empty"));
  expect((await compress(cwd, "empty")).code).toBe(0);
});

test.each([
  ["an unknown stage", [{ use: "prune/magnitud", sparsity: 0.5 }], "core/plugin-unknown", "steps[0].use"],
  ["an option of the wrong type", [{ ...RECIPE[0], sparsity: "half" }], "core/options-invalid", "steps[0] (prune/magnitude).sparsity"],
  ["an option nobody knows", [RECIPE[0], { ...RECIPE[1], bit: 8 }], "core/option-unknown", "steps[1] (quantize/round-to-nearest).bit"],
])("%s is refused before anything is written", async (_, recipe, code, field) => {
  const cwd = await workplace(recipe);
  const before = readdirSync(cwd);
  const ran = await compress(cwd, "out");
  expect(ran.code).toBe(2);
  expect(ran.json().error).toMatchObject({ code, field, file: "recipe.json", next: expect.any(String) });
  expect(readdirSync(cwd)).toEqual(before);
});

test("a damaged model is refused with its file and the output folder is not made", async () => {
  const cwd = await workplace();
  const file = join(cwd, "model", "model.safetensors");
  writeFileSync(file, readFileSync(file).subarray(0, 5000));
  const ran = await compress(cwd, "out");
  expect(ran.code).toBe(2);
  expect(ran.json().error.code).toMatch(/^formats\//);
  expect(ran.json().error.file).toContain("model.safetensors");
  expect(existsSync(join(cwd, "out"))).toBe(false);
});

test("a step that fails midway leaves no output folder, and a stopped run says how to resume", async () => {
  const cwd = await workplace([RECIPE[1], RECIPE[0]]);
  const failed = await compress(cwd, "out");
  expect(failed.json().error.code).toBe("prune/quantized-weight");
  expect(readdirSync(cwd).filter((name) => name.includes("out"))).toEqual([]);

  const stopped = await runCli(["compress", "model", "--recipe", "recipe.json", "--out", "out", "--json"], {
    cwd,
    signal: AbortSignal.abort(),
  });
  expect(stopped.code).toBe(130);
  expect(stopped.json().error).toMatchObject({ code: "core/cancelled", next: expect.stringContaining("resumes") });
});
