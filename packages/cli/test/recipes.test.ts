import { expect, test } from "vitest";
import { openRegistry } from "../src/registry.ts";
import { builtInRecipes, readRecipe } from "../src/recipes/recipe.ts";
import { temporaryFolder } from "./run-cli.ts";

test.each(builtInRecipes())("the recipe %s that comes with Pare names real stages with valid options", async (name) => {
  const cwd = temporaryFolder();
  const { registry, config } = await openRegistry(cwd);
  const recipe = await readRecipe(name, { registry, config, cwd });
  expect(recipe.description).toMatch(/\w+\.$/);
});
