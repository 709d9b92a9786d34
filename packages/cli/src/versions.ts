/** Versions of what decides the bytes of a result. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageVersions } from "@pare/core/node";

/** The version of this package. */
export function pareVersion(): string {
  return (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { readonly version: string }).version;
}

/** Installed versions by package name; a package found neither beside Pare nor from `folder` (a plugin of one's own) is left out. */
export async function installedVersions(packages: Iterable<string>, folder: string): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const name of packages) {
    const found = packageVersions([name], import.meta.url).catch(() => packageVersions([name], join(folder, "package.json")));
    Object.assign(versions, await found.catch(() => ({})));
  }
  return versions;
}
