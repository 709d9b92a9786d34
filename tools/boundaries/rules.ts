/** The rules that `check.ts` applies; each gives the faults it finds as lines for a person. */
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { packagesOf, type Package } from "../workspace.ts";
import { importsOf, withoutComments, type Import } from "./imports.ts";

export interface Allowed {
  /** Packages it may import; "*": all. */
  readonly imports?: readonly string[];
  /** Packages of which a folder may import types. */
  readonly types?: Readonly<Record<string, readonly string[]>>;
  /** It runs in Node alone; elsewhere `node:` imports are held to `src/node/`. */
  readonly node?: boolean;
}
export type Table = Readonly<Record<string, Allowed>>;

const SCOPE = "@pare/";
const AIM = 400;
const MOST = 800;

export interface Findings {
  readonly faults: string[];
  /** Files over the length to aim at. */
  readonly long: string[];
}

/** Checks every package of a workspace against the table of imports and the rules of the house. */
export function checkWorkspace(root: string, table: Table): Findings {
  const packages = packagesOf(root);
  const faults = packages.flatMap((each) => checkPackage(each, table).map((fault) => `${relative(root, each.path)}/${fault}`));
  const { tooLong, long } = lengths(root);
  return { faults: [...faults, ...generated(root), ...tooLong], long };
}

function checkPackage(each: Package, table: Table): string[] {
  const { folder, manifest } = each;
  const allowed = table[folder];
  if (allowed === undefined) return ["package.json: this package is not in tools/boundaries/table.json"];
  const faults: string[] = [];
  if (manifest.name !== SCOPE + folder) faults.push(`package.json: the name is ${manifest.name}, not ${SCOPE}${folder}`);
  if (JSON.stringify(manifest.nx?.tags) !== JSON.stringify([`package:${folder}`]))
    faults.push(`package.json: nx.tags is not ["package:${folder}"]`);
  for (const name of internal(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))) {
    if (!mayImport(allowed, name) && !Object.values(allowed.types ?? {}).some((names) => names.includes(name))) {
      faults.push(`package.json: depends on ${SCOPE}${name}, which ${folder} may not import`);
    }
  }
  for (const file of sourcesOf(join(each.path, "src"))) {
    const name = relative(each.path, file);
    const source = readFileSync(file, "utf8");
    faults.push(...checkSource(name, source, each, allowed).map((fault) => `${name}: ${fault}`));
  }
  return faults;
}

/** Faults of one file of `src`. Tests are held to imports that their package.json declares. */
export function checkSource(
  file: string,
  source: string,
  { folder, manifest }: Pick<Package, "folder" | "manifest">,
  allowed: Allowed,
): string[] {
  const faults: string[] = [];
  const test = /\.test(-d)?\.ts$/.test(file);
  for (const each of importsOf(source)) {
    const fault = each.specifier.startsWith(".")
      ? relativeFault(file, each, test, manifest)
      : packageFault(file, each, test, folder, manifest, allowed);
    if (fault !== undefined) faults.push(fault);
  }
  if (entries(manifest).includes(file) && !isEntry(source))
    faults.push("an entry of the package holds explicit named exports from other files and nothing else");
  if (!test && !file.endsWith("src/errors.ts") && !file.endsWith("src/error.ts") && /\bdefineError\s*[(<]/.test(withoutComments(source))) {
    faults.push("errors are made in src/errors.ts alone");
  }
  return faults;
}

function relativeFault(file: string, { specifier }: Import, test: boolean, manifest: Package["manifest"]): string | undefined {
  const depth = file.split("/").length - 1;
  const up = specifier.split("/").filter((part) => part === "..").length;
  if (!test) return up > depth || (up === depth && !specifier.endsWith(".json")) ? `${specifier} leads out of src` : undefined;
  if (up <= depth) return undefined;
  // Tests may share the test helpers of a package they declare.
  const other = /^(?:\.\.\/)+([^/]+)\/test\//.exec(specifier)?.[1];
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.devDependencies };
  return up === depth + 1 && other !== undefined && Object.hasOwn(declared, SCOPE + other)
    ? undefined
    : `${specifier} leads out of the package`;
}

function packageFault(
  file: string,
  { specifier, typeOnly }: Import,
  test: boolean,
  folder: string,
  manifest: Package["manifest"],
  allowed: Allowed,
): string | undefined {
  if (specifier.startsWith("node:")) {
    return test || allowed.node === true || typeOnly || /^src\/node(\/|\.ts$)/.test(file)
      ? undefined
      : `${specifier} is imported outside src/node/, and browsers do not have it`;
  }
  const name = specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
  if (name === manifest.name) return `imports its own package as ${specifier}`;
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies };
  const usable = test ? { ...declared, ...manifest.devDependencies } : declared;
  const shared = test && ["vitest", "fast-check", "zod"].includes(name);
  if (!Object.hasOwn(usable, name) && !shared) return `${name} is not declared in package.json`;
  if (test || !name.startsWith(SCOPE) || mayImport(allowed, name.slice(SCOPE.length))) return undefined;
  const typed = Object.entries(allowed.types ?? {}).some(
    ([path, names]) => file.startsWith(path) && names.includes(name.slice(SCOPE.length)),
  );
  if (typed) return typeOnly ? undefined : `only types may be imported from ${name} here`;
  return `${folder} may not import ${name}`;
}

/** Sources of the entries in `exports`. */
function entries(manifest: Package["manifest"]): string[] {
  return Object.values(manifest.exports ?? {}).flatMap((each) =>
    typeof each === "string" ? [] : [each["@pare/source"]?.replace("./", "") ?? ""],
  );
}

/** Only `export { … } from` and `export type { … } from`. */
function isEntry(source: string): boolean {
  return (
    withoutComments(source)
      .replace(/export\s+(type\s+)?(\{[^}]*\}(\s*from\s*["'][^"']+["'])?|\*\s+as\s+\w+\s+from\s*["'][^"']+["'])\s*;/g, "")
      .trim() === ""
  );
}

function mayImport(allowed: Allowed, name: string): boolean {
  return (allowed.imports ?? []).some((each) => each === name || each === "*");
}

function internal(names: readonly string[]): string[] {
  return names.filter((name) => name.startsWith(SCOPE)).map((name) => name.slice(SCOPE.length));
}

function sourcesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/\/(dist|generated)\//.test(path));
}

function tracked(root: string): string[] {
  return execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" })
    .split("\0")
    .filter((name) => name !== "");
}

function generated(root: string): string[] {
  return tracked(root)
    .filter((name) => /(^|\/)(dist|generated|node_modules|\.nx)\/|\.(tsbuildinfo|wasm)$/.test(name))
    .map((name) => `${name}: a generated file is tracked`);
}

function lengths(root: string): { tooLong: string[]; long: string[] } {
  const counted = tracked(root)
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => {
      const lines = linesOf(join(root, name));
      return lines > AIM ? [{ name, lines }] : [];
    })
    .sort((a, b) => b.lines - a.lines);
  return {
    tooLong: counted.filter(({ lines }) => lines > MOST).map(({ name, lines }) => `${name}: ${lines} lines, at most ${MOST}`),
    long: counted.map(({ name, lines }) => `${name}: ${lines} lines`),
  };
}

/** 0 for a tracked file that is being moved or removed. */
function linesOf(path: string): number {
  try {
    return readFileSync(path, "utf8").split("\n").length - 1;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return 0;
    throw error;
  }
}
