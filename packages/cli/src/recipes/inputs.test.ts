import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../test/run-cli.ts";
import { recipeInputs } from "./inputs.ts";
import type { Recipe } from "./recipe.ts";

const recipe = (options: object): Recipe => ({ source: "r.json", steps: [{ use: "a", version: 1, options, run: async () => ({}) }] });

test("hashes each file that a reference names, wherever it stands", async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "a.txt"), "a");
  writeFileSync(join(cwd, "b.txt"), "b");
  const options = { data: { use: "text", file: "a.txt" }, retrain: { use: "train", data: { use: "text", file: "b.txt" } }, file: "c.txt" };
  const hashes = await recipeInputs(recipe(options), cwd);
  expect(Object.keys(hashes)).toEqual(["a.txt", "b.txt"]);
  // SHA-256 of "a".
  expect(hashes["a.txt"]).toBe("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
  writeFileSync(join(cwd, "a.txt"), "changed");
  expect((await recipeInputs(recipe(options), cwd))["a.txt"]).not.toBe(hashes["a.txt"]);
});

test("refuses a file that is not there", async () => {
  const missing = recipe({ data: [{ use: "text", file: "nowhere.txt" }] });
  await expect(recipeInputs(missing, temporaryFolder())).rejects.toMatchObject({
    code: "cli/file-unreadable",
    report: { file: "nowhere.txt", next: expect.any(String) },
  });
});
