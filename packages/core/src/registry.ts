import { claimCore } from "./copy.ts";
import { nearNames } from "./error.ts";
import { pluginApiVersion, pluginDuplicate, pluginUnknown } from "./errors.ts";
import { API_VERSION, type AnyPlugin, type PluginKind, type Registry } from "./plugin.ts";

/**
 * Plugins under their kinds and ids; a value, of which a program may have several.
 *
 * @throws `core/plugin-duplicate`, `core/plugin-api-version`, `core/second-copy`.
 */
export function createRegistry<const P extends ReadonlyArray<AnyPlugin>>(...plugins: P): Registry<P[number]> {
  claimCore();
  const kinds = new Map<string, Map<string, AnyPlugin>>();
  for (const plugin of plugins) {
    const { kind, id, apiVersion } = plugin;
    if (apiVersion !== API_VERSION) throw pluginApiVersion({ kind, id, package: plugin.package, expected: API_VERSION, found: apiVersion });
    const ids = kinds.get(kind) ?? new Map<string, AnyPlugin>();
    const other = ids.get(id);
    if (other !== undefined) throw pluginDuplicate({ kind, id, packages: [other.package, plugin.package] });
    kinds.set(kind, ids.set(id, plugin));
  }
  const find = (kind: PluginKind, id: string): AnyPlugin => {
    const ids = kinds.get(kind) ?? new Map<string, AnyPlugin>();
    const plugin = ids.get(id);
    if (plugin === undefined) throw pluginUnknown({ kind, id, near: nearNames(id, ids.keys()), holder: holderOf(kind, id, plugins) });
    return plugin;
  };
  const list = (kind: PluginKind): readonly AnyPlugin[] => [...(kinds.get(kind)?.values() ?? [])];
  return { get: find, find, list } as Registry<P[number]>;
}

/** The package an unknown id may live in: that of its siblings, else the one its prefix names by Pare's custom. */
function holderOf(kind: string, id: string, plugins: readonly AnyPlugin[]): string | undefined {
  const slash = id.indexOf("/");
  if (slash <= 0) return kind === "backend" ? `@pare/backend-${id}` : undefined;
  const prefix = id.slice(0, slash + 1);
  return plugins.find((plugin) => plugin.kind === kind && plugin.id.startsWith(prefix))?.package ?? `@pare/${id.slice(0, slash)}`;
}
