/** `pare.config.ts`: plugins of one's own, recipes under names, defaults. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { AnyPlugin } from "@pare/core";
import { configInvalid } from "./errors.ts";
import { loadModule } from "./load-module.ts";

export interface PareConfig {
  /** Beside those that come with Pare: `--recipe`, `--suite` and `--device` find them by id. */
  readonly plugins?: readonly AnyPlugin[] | undefined;
  /** Recipes for `--recipe <name>`: what a recipe file holds, or a pipeline. */
  readonly recipes?: Readonly<Record<string, unknown>> | undefined;
}

/** Gives its argument back, typed. */
export function defineConfig(config: PareConfig): PareConfig {
  return config;
}

const NAMES = ["pare.config.ts", "pare.config.js", "pare.config.mjs"];
const FIELDS = ["plugins", "recipes"];

/** The configuration of a folder; an empty one where there is none. Throws `cli/config-invalid`, `cli/module-failed`. */
export async function loadConfig(folder: string): Promise<PareConfig> {
  const file = NAMES.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (file === undefined) return {};
  const config = await loadModule(file);
  const invalid = (field: string, expected: string): Error => configInvalid({ file, field, expected });
  if (typeof config !== "object" || config === null) throw invalid("default", "an object");
  for (const field of Object.keys(config)) if (!FIELDS.includes(field)) throw invalid(field, FIELDS.join(" or "));
  const { plugins, recipes } = config as PareConfig;
  if (plugins !== undefined && !Array.isArray(plugins)) throw invalid("plugins", "a list of plugins");
  if (recipes !== undefined && (typeof recipes !== "object" || recipes === null)) throw invalid("recipes", "recipes under names");
  return config;
}
