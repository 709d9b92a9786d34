/** `load` for Node: a model by the name that a person gives. */
import { createRegistry, type Registry, type SourceOptions } from "@pare/core";
import { openFiles } from "@pare/core/node";
import { load as loadFiles, type LoadOptions, type LoadedModel } from "../load.ts";
import { builtIn } from "../plugins.ts";
import { hubSource } from "./hub/source.ts";

export interface LoadNamedOptions extends Omit<LoadOptions, "registry">, SourceOptions {
  /** Further architectures, storages, formats and sources; default: those of this package. */
  readonly registry?: Pick<Registry, "find" | "list"> | undefined;
}

/**
 * Opens a model by a path, or by a source's name: `hub:owner/name`, `hub:owner/name@revision/folder`.
 * Throws what the source throws (`models/hub-…`), `core/folder-missing`, and what `load` of the package's root throws.
 */
export async function load(name: string, { offline, signal, progress, ...options }: LoadNamedOptions): Promise<LoadedModel> {
  const registry = options.registry ?? createRegistry(...builtIn, hubSource());
  return loadFiles(await openFiles(name, { registry, offline, signal, progress }), { ...options, registry });
}
