import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { packageMissing } from "../errors.ts";

/**
 * Versions of installed packages, for run records and keys.
 *
 * @param from `import.meta.url` of the module whose dependencies they are.
 * @throws `core/package-missing`.
 */
export async function packageVersions(names: Iterable<string>, from: string): Promise<Record<string, string>> {
  const { resolve } = createRequire(from);
  const versions: Record<string, string> = {};
  for (const name of [...new Set(names)].sort()) {
    try {
      versions[name] = (JSON.parse(await readFile(resolve(`${name}/package.json`), "utf8")) as { version: string }).version;
    } catch (cause) {
      throw packageMissing({ name, from, cause });
    }
  }
  return versions;
}
