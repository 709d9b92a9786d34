/** What a recipe file holds, read but not yet understood. */
import { readFile } from "node:fs/promises";
import { parseJson } from "@pare/formats";
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
  return file.endsWith(".json") ? parseJson(text, (found) => recipeInvalid({ file, expected: "JSON", found })) : parseYaml(file, text);
}

function parseYaml(file: string, text: string): unknown {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw recipeInvalid({ file, expected: "YAML", found: error.message.split("\n")[0]! });
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw recipeInvalid({ file, expected: "at most 100 uses of an alias", found: (error as Error).message });
  }
}
