/** Files that a recipe's options name: their content decides what its steps give, and so belongs to the keys of those steps. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { isPlainObject } from "@pare/core";
import { fileUnreadable } from "../errors.ts";
import type { Recipe } from "./recipe.ts";

/** Name → hex SHA-256 of each file that a `{ use, file }` of the recipe names. Throws `cli/file-unreadable`. */
export async function recipeInputs(recipe: Recipe, cwd: string): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const name of [...new Set(recipe.steps.flatMap(({ options }) => filesIn(options)))].sort()) {
    hashes[name] = await hashOf(resolve(cwd, name)).catch((cause: unknown) => {
      throw fileUnreadable({ file: name, field: "file", cause });
    });
  }
  return hashes;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  return hash.digest("hex");
}

function filesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(filesIn);
  if (!isPlainObject(value)) return [];
  const own = typeof value["use"] === "string" && typeof value["file"] === "string" ? [value["file"]] : [];
  return [...own, ...Object.values(value).flatMap(filesIn)];
}
