import { resolve } from "node:path";
import type { FileSet } from "../artifact.ts";
import type { Registry, SourceOptions } from "../plugin.ts";
import { pathFiles } from "./folder-files.ts";

export interface OpenFilesOptions extends SourceOptions {
  readonly registry: Pick<Registry, "find">;
  /** Folder that relative paths start from; default: the process's own. */
  readonly cwd?: string | undefined;
}

/** One letter is a drive. */
const SCHEME = /^([a-z][a-z0-9+.-]+):(.*)$/s;

/**
 * Files by the name that a person gives: `scheme:reference` of a registered source, else a path (`./a:b` is one).
 *
 * Throws `core/plugin-unknown` for a scheme that nobody registered, what the source throws, and as `pathFiles`.
 */
export async function openFiles(name: string, { registry, cwd = ".", ...options }: OpenFilesOptions): Promise<FileSet> {
  const [, scheme, reference] = SCHEME.exec(name) ?? [];
  if (scheme === undefined) return pathFiles(resolve(cwd, name));
  return registry.find("source", scheme).open(reference!, options);
}
