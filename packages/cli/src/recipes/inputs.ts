/** Files that a recipe's options name: their content decides what its steps give, and so belongs to the keys of those steps. */
import { readFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { isPlainObject } from "@pare/core";
import type { Recipe } from "./recipe.ts";

/** Name → hex SHA-256 of each file that a `{ use, file }` of the recipe names. One that cannot be read is left to its step. */
export async function recipeInputs(recipe: Recipe, cwd: string): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const name of [...new Set(recipe.steps.flatMap(({ options }) => filesIn(options)))].sort()) {
    const content = await readFile(resolve(cwd, name)).catch(() => undefined);
    if (content !== undefined) hashes[name] = createHash("sha256").update(content).digest("hex");
  }
  return hashes;
}

function filesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(filesIn);
  if (!isPlainObject(value)) return [];
  const own = typeof value["use"] === "string" && typeof value["file"] === "string" ? [value["file"]] : [];
  return [...own, ...Object.values(value).flatMap(filesIn)];
}
