/** Recipes: lists of steps by id, from a file, `pare.config.ts`, or those that come with Pare. */
import { existsSync, readdirSync } from "node:fs";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isPlainObject, nearNames, resolveStep, toJson, type Json, type Registry, type Step } from "@pare/core";
import type { PareConfig } from "../config.ts";
import { located, recipeInvalid, recipeUnknown } from "../errors.ts";
import { RECIPE_FILE, parseRecipeFile } from "./parse.ts";
import { checkReferences } from "./references.ts";

export interface Recipe {
  /** File or name it came from. */
  readonly source: string;
  readonly description?: string | undefined;
  readonly steps: readonly Step<any, object>[];
}

export interface RecipeOptions {
  readonly registry: Registry;
  readonly config: PareConfig;
  /** Folder that relative paths start from. */
  readonly cwd: string;
}

const BUILT_IN = fileURLToPath(new URL("../../recipes/", import.meta.url));

/** Names of the recipes that come with Pare, sorted. */
export function builtInRecipes(): string[] {
  return readdirSync(BUILT_IN)
    .filter((name) => name.endsWith(".json"))
    .map((name) => basename(name, ".json"))
    .sort();
}

/**
 * The recipe that `name` means, every step looked up and its options checked.
 *
 * Throws `cli/recipe-unknown`, `cli/recipe-invalid`, and what the registry and the stages say of a step and of what its options name,
 * with the file and the step's place in it.
 */
export async function readRecipe(name: string, options: RecipeOptions): Promise<Recipe> {
  const { source, content } = await find(name, options);
  return recipeOf(source, content, options.registry);
}

/** The recipe that stands in `content`, which came from `source`. Throws as {@link readRecipe}. */
export function recipeOf(source: string, content: unknown, registry: Registry): Recipe {
  const { description, steps } = unwrap(source, content);
  return { source, description, steps: steps.map((ref, index) => toStep(registry, source, ref, index)) };
}

/** What `recipe.json` holds: the steps with every option, defaults too. It can be given as `--recipe` again. */
export function writeRecipe(recipe: Recipe): Json {
  const steps = recipe.steps.map(({ use, version, options }) => ({ use, version, ...(options as object) }));
  return toJson({ description: recipe.description, steps }, "recipe");
}

async function find(name: string, { config, cwd }: RecipeOptions): Promise<{ readonly source: string; readonly content: unknown }> {
  const path = resolve(cwd, name);
  if (RECIPE_FILE.test(name) && existsSync(path)) return { source: name, content: await parseRecipeFile(path) };
  const own = config.recipes ?? {};
  if (Object.hasOwn(own, name)) return { source: `pare.config recipes.${name}`, content: own[name] };
  const builtIn = builtInRecipes();
  if (builtIn.includes(name)) return { source: name, content: await parseRecipeFile(`${BUILT_IN}${name}.json`) };
  const known = [...Object.keys(own), ...builtIn];
  throw recipeUnknown({ name, file: RECIPE_FILE.test(name) ? name : undefined, known, near: nearNames(name, known) });
}

/** A list of steps; or an object that holds it as `steps`, with a description, as `recipe.json` and a pipeline do. */
function unwrap(file: string, content: unknown): { readonly description?: string | undefined; readonly steps: readonly unknown[] } {
  const expected = 'a list of steps, or { "description": "…", "steps": […] }';
  if (Array.isArray(content)) return unwrap(file, { steps: content });
  if (!isPlainObject(content)) throw recipeInvalid({ file, expected, found: content === undefined ? "nothing" : JSON.stringify(content) });
  const { description, steps, ...rest } = content;
  const other = Object.keys(rest).find((field) => typeof rest[field] !== "function");
  if (other !== undefined) throw recipeInvalid({ file, field: other, expected, found: `the field ${other}` });
  if (description !== undefined && typeof description !== "string")
    throw recipeInvalid({ file, field: "description", expected: "text", found: typeof description });
  if (!Array.isArray(steps)) throw recipeInvalid({ file, field: "steps", expected: "a list of steps", found: typeof steps });
  if (steps.length === 0) throw recipeInvalid({ file, field: "steps", expected: "one step or more", found: "none" });
  return { description, steps };
}

function toStep(registry: Registry, file: string, ref: unknown, index: number): Step<any, object> {
  const place = `steps[${index}]`;
  let step: Step<any, object>;
  try {
    step = resolveStep(registry, ref, place);
  } catch (error) {
    const use = isPlainObject(ref) && typeof ref["use"] === "string" ? ref["use"] : undefined;
    throw located(error, { file, place, use });
  }
  checkReferences(registry, step.options, file, `${place} (${step.use})`);
  return step;
}
