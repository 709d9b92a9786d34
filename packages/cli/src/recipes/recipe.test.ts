import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { createRegistry, defineStage } from "@pare/core";
import type { DataPlugin } from "@pare/training";
import { temporaryFolder } from "../../test/run-cli.ts";
import { readRecipe, writeRecipe } from "./recipe.ts";

const shrink = defineStage({
  id: "test/shrink",
  version: 3,
  package: "@pare/test",
  options: z.strictObject({ by: z.number().min(0).max(1), how: z.enum(["fast", "well"]).default("well") }),
  run: async () => ({}),
});
const lines: DataPlugin<"lines", { readonly of: string }> = {
  kind: "data",
  id: "lines",
  version: 1,
  apiVersion: 1,
  package: "@pare/test",
  define: { citation: "", options: z.strictObject({ of: z.string() }), open: () => expect.unreachable("nothing is opened yet") },
};
const retrain = defineStage({
  id: "test/retrain",
  version: 1,
  package: "@pare/test",
  options: z.object({ with: z.array(z.looseObject({})).optional(), data: z.looseObject({}).optional() }),
  run: async () => ({}),
});
const registry = createRegistry(shrink, retrain, lines);

function read(name: string, content?: string, config = {}): ReturnType<typeof readRecipe> {
  const cwd = temporaryFolder();
  if (content !== undefined) writeFileSync(join(cwd, name), content);
  return readRecipe(name, { registry, config, cwd });
}

const steps = [{ use: "test/shrink", by: 0.5 }];

test("a stage to prune with is checked with the share that the stage naming it gives", async () => {
  const options = z.strictObject({ sparsity: z.number(), pattern: z.enum(["4x1"]).optional() });
  const pruner = defineStage({ id: "test/pruner", version: 1, package: "@pare/test", options, run: async () => ({}) });
  const rounds = defineStage({ ...retrain, id: "test/rounds", options: z.looseObject({}), run: async () => ({}) });
  const known = { registry: createRegistry(pruner, rounds), config: {}, cwd: temporaryFolder() };
  const write = (prune: object): void => writeFileSync(join(known.cwd, "r.json"), JSON.stringify([{ use: "test/rounds", prune }]));
  write({ use: "test/pruner", pattern: "4x1" });
  expect((await readRecipe("r.json", known)).steps).toMatchObject([{ options: { prune: { use: "test/pruner", pattern: "4x1" } } }]);
  write({ use: "test/pruner", pattern: "5x1" });
  await expect(readRecipe("r.json", known)).rejects.toMatchObject({ code: "core/options-invalid" });
});

test.each([
  ["r.json", JSON.stringify(steps)],
  ["r.json", JSON.stringify({ description: "half", steps })],
  ["r.yaml", "# half\n- use: test/shrink\n  by: 0.5\n"],
  ["r.yml", "steps:\n  - use: test/shrink\n    by: 0.5\n"],
  ["r.mjs", `export default ${JSON.stringify(steps)};`],
])("reads %s: %s", async (name, content) => {
  const recipe = await read(name, content);
  expect(recipe.steps).toMatchObject([{ use: "test/shrink", version: 3, options: { by: 0.5, how: "well" } }]);
});

test("reads what a module made of stages, and recipes of the configuration", async () => {
  const config = { recipes: { mine: [shrink({ by: 0.25 })] } };
  expect((await read("mine", undefined, config)).steps[0]).toMatchObject({ use: "test/shrink", options: { by: 0.25 } });
});

test("what it writes can be read again and means the same", async () => {
  const recipe = await read("r.json", JSON.stringify({ description: "half", steps }));
  const written = writeRecipe(recipe);
  expect(written).toEqual({ description: "half", steps: [{ use: "test/shrink", version: 3, by: 0.5, how: "well" }] });
  expect(writeRecipe(await read("again.json", JSON.stringify(written)))).toEqual(written);
});

test.each([
  ["no such step", [{ use: "test/shrnk", by: 1 }], "core/plugin-unknown", { field: "steps[0].use", near: ["test/shrink"] }],
  ["a wrong option", [steps[0], { use: "test/shrink", by: "half" }], "core/options-invalid", { field: "steps[1] (test/shrink).by" }],
  ["an option out of range", [{ use: "test/shrink", by: 2 }], "core/options-invalid", { field: "steps[0] (test/shrink).by" }],
  [
    "a data set nobody knows",
    [steps[0], { use: "test/retrain", data: { use: "lins" } }],
    "core/plugin-unknown",
    { field: "steps[1] (test/retrain).data.use", near: ["lines"] },
  ],
  [
    "a data set's wrong option",
    [{ use: "test/retrain", data: { use: "lines", of: 3 } }],
    "core/options-invalid",
    { field: "steps[0] (test/retrain).data (lines).of" },
  ],
  [
    "a wrong option of a step that a step names",
    [{ use: "test/retrain", with: [{ use: "test/retrain", data: { use: "lines" } }] }],
    "core/options-invalid",
    { field: "steps[0] (test/retrain).with[0] (test/retrain).data (lines).of" },
  ],
  [
    "a step that a step names and nobody knows",
    [{ use: "test/retrain", with: [{ use: "test/shrnk" }] }],
    "core/plugin-unknown",
    { field: "steps[0] (test/retrain).with[0].use", near: ["test/shrink"] },
  ],
  ["no use", [{ by: 1 }], "core/step-invalid", { field: "steps[0]" }],
  ["another version", [{ use: "test/shrink", version: 1, by: 1 }], "core/step-invalid", { field: "steps[0].version" }],
  ["nothing in it", [], "cli/recipe-invalid", { field: "steps" }],
  ["no list", { use: "test/shrink" }, "cli/recipe-invalid", { field: "use" }],
  ["a bare word", "test/shrink", "cli/recipe-invalid", {}],
])("a recipe with %s names file and place", async (_, content, code, report) => {
  await expect(read("r.json", JSON.stringify(content))).rejects.toMatchObject({ code, report: { file: "r.json", ...report } });
});

test("files that cannot be parsed, and names of nothing", async () => {
  await expect(read("r.json", "[{")).rejects.toMatchObject({
    code: "cli/recipe-invalid",
    report: { file: expect.stringContaining("r.json") },
  });
  await expect(read("r.yaml", "- use: [")).rejects.toMatchObject({
    code: "cli/recipe-invalid",
    report: { found: expect.stringContaining("line") },
  });
  await expect(read("r.json", '[{ "use": "test/shrink", "by": 0.5, "by": 0.25 }]')).rejects.toMatchObject({
    code: "cli/recipe-invalid",
    report: { found: 'the key "by" twice' },
  });
  const bomb = ["a0: &a0 [x]", ...[1, 2, 3, 4].map((i) => `a${i}: &a${i} [${`*a${i - 1},`.repeat(9)}]`)].join("\n");
  await expect(read("r.yaml", bomb)).rejects.toMatchObject({ code: "cli/recipe-invalid" });
  await expect(read("r.mjs", "throw new Error('no')")).rejects.toMatchObject({ code: "cli/module-failed" });
  await expect(read("nowhere.json")).rejects.toMatchObject({ code: "cli/recipe-unknown" });
  await expect(read("mime", undefined, { recipes: { mine: steps } })).rejects.toMatchObject({ report: { near: ["mine"] } });
});
