/** Versions of what decides the bytes of a result. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

/** The version of this package. */
export function pareVersion(): string {
  return versionIn(new URL("../package.json", import.meta.url))!;
}

/** Installed versions by package name, sorted; a package found neither beside Pare nor from `folder` is left out. */
export function packageVersions(packages: Iterable<string>, folder: string): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const name of [...new Set(packages)].sort()) {
    const version = [import.meta.url, join(folder, "package.json")]
      .map((from) => versionFrom(from, name))
      .find((found) => found !== undefined);
    if (version !== undefined) versions[name] = version;
  }
  return versions;
}

function versionFrom(from: string, name: string): string | undefined {
  try {
    return versionIn(createRequire(from).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

function versionIn(manifest: string | URL): string | undefined {
  return (JSON.parse(readFileSync(manifest, "utf8")) as { readonly version?: string }).version;
}
