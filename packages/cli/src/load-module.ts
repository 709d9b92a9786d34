import { pathToFileURL } from "node:url";
import { moduleFailed, typescriptUnsupported } from "./errors.ts";

/** The default export of a JavaScript or TypeScript file. Throws `cli/typescript-unsupported`, `cli/module-failed`. */
export async function loadModule(file: string): Promise<unknown> {
  if (/\.[cm]?ts$/.test(file) && !process.features.typescript) throw typescriptUnsupported({ file, version: process.version });
  try {
    return ((await import(pathToFileURL(file).href)) as { readonly default?: unknown }).default;
  } catch (cause) {
    throw moduleFailed({ file, field: "default", cause });
  }
}
