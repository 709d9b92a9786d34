/** What a packed package must and must not hold. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";

type Manifest = Readonly<Record<string, unknown>> & { readonly exports?: Readonly<Record<string, unknown>> };

/** Fields that mean something in the workspace alone. */
const INNER = ["nx", "devDependencies", "scripts", "pnpm", "publishConfig"];

/**
 * Faults of an unpacked package.
 *
 * @param root folder of the workspace, whose path no published file may name.
 */
export function packedFaults(path: string, root: string): string[] {
  const manifest = JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as Manifest;
  const files = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)));
  return [
    ...INNER.filter((field) => field in manifest).map((field) => `package.json: ${field} belongs to the workspace alone`),
    ...dependencyFaults(manifest),
    ...exportFaults(manifest, path),
    ...["README.md", "LICENSE"].filter((name) => !files.includes(name)).map((name) => `${name} is missing`),
    ...files
      .filter((name) => /\.test(-d)?\.(ts|js)|\.tsbuildinfo$|(^|\/)test\//.test(name))
      .map((name) => `${name} is of no use to who installs it`),
    ...files
      .filter((name) => /\.(js|ts|json|map|md)$/.test(name) && readFileSync(join(path, name)).includes(root))
      .map((name) => `${name} names ${root}`),
  ];
}

function dependencyFaults(manifest: Manifest): string[] {
  return ["dependencies", "peerDependencies", "optionalDependencies"].flatMap((field) =>
    Object.entries((manifest[field] ?? {}) as Readonly<Record<string, string>>)
      .filter(([, range]) => /^(workspace|catalog|link|file):/.test(range))
      .map(([name, range]) => `package.json: ${field}.${name} is ${range}, which only the workspace understands`),
  );
}

function exportFaults(manifest: Manifest, path: string): string[] {
  const text = JSON.stringify(manifest.exports ?? {});
  const targets = Object.values(manifest.exports ?? {}).flatMap((target) =>
    typeof target === "string" ? [target] : (Object.values(target as object) as string[]),
  );
  return [
    ...(text.includes("@pare/source") ? ["package.json: exports holds the condition @pare/source"] : []),
    ...targets
      .filter((target) => !existsSync(join(path, target)))
      .map((target) => `package.json: exports names ${target}, which is not there`),
  ];
}
