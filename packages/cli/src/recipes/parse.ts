/** What a recipe file holds, read but not yet understood. */
import { readFile } from "node:fs/promises";
import { parseDocument } from "yaml";
import { fileUnreadable, recipeInvalid } from "../errors.ts";
import { loadModule } from "../load-module.ts";

/** Endings of recipe files. */
export const RECIPE_FILE: RegExp = /\.(json|ya?ml|[cm]?[jt]s)$/;

/** JSON, YAML, or the default export of a module. Throws `cli/recipe-invalid` with the line, `cli/file-unreadable`, `cli/module-failed`. */
export async function parseRecipeFile(file: string): Promise<unknown> {
  if (/\.[cm]?[jt]s$/.test(file)) return loadModule(file);
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw fileUnreadable({ file, field: "--recipe", cause });
  });
  return file.endsWith(".json") ? parseJson(file, text) : parseYaml(file, text);
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw recipeInvalid({ file, expected: "JSON", found: (error as Error).message });
  }
}

function parseYaml(file: string, text: string): unknown {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw recipeInvalid({ file, expected: "YAML", found: error.message.split("\n")[0]! });
  return document.toJS({ maxAliasCount: 100 });
}
