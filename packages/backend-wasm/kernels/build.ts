/**
 * Compiles the AssemblyScript kernels of packages: `kernels/assembly/index.ts` → `src/generated/modules.ts`, one module per row of
 * `src/variants.ts`, deflated and as base64, so that no loader, bundler or server has to know about `.wasm` files. Those for wide vectors go to
 * `src/generated/wide.ts`, which is loaded where it is used: no page takes them along.
 *
 *     node packages/backend-wasm/kernels/build.ts [package folder …]
 *
 * Without folders it builds every package beside this one that has kernels. Unchanged sources are not compiled again.
 * It also embeds what worker threads run: `src/team/member.ts` → `src/generated/member.ts`.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";
import { main as compileAssembly, version } from "assemblyscript/asc";
import { VARIANTS, type Variant } from "../src/variants.ts";
import { poolConstants, type Pool } from "./constants.ts";
import { misnamed, unshareable } from "./inspect.ts";

const here = dirname(fileURLToPath(import.meta.url));
const packages = resolve(here, "../..");
const ENTRY = "kernels/assembly/index.ts";
const POOLED = [
  "assembly/lib/math.ts",
  "assembly/lib/affine.ts",
  "assembly/lib/half.ts",
  "assembly/few-rounded.ts",
  "assembly/affine.ts",
  "assembly/few.ts",
].map((name) => join(here, name));
const pool: Pool = poolConstants(POOLED.map((path) => readFileSync(path, "utf8")));

const given = process.argv.slice(2).map((folder) => resolve(folder));
const folders = given.length > 0 ? given : readdirSync(packages).map((name) => join(packages, name));
for (const folder of folders) if (existsSync(join(folder, ENTRY))) await build(folder);
embedMember();

async function build(folder: string): Promise<void> {
  const stamp = `// Made by backend-wasm/kernels/build.ts from ${hashOf(folder)}`;
  const targets = { 128: join(folder, "src/generated/modules.ts"), 256: join(folder, "src/generated/wide.ts") };
  if (Object.values(targets).every((target) => existsSync(target) && readFileSync(target, "utf8").startsWith(`${stamp}\n`))) return;
  for (const vectors of [128, 256] as const) {
    const variants = VARIANTS.filter((variant) => variant.vectors === vectors);
    const modules: string[] = [];
    for (const variant of variants) modules.push(`  "${variant.name}": () => inflate("${await checked(folder, variant)}"),`);
    writeModules(targets[vectors], [stamp, ...declarations(variants, modules)]);
  }
}

/** A compiled module, deflated, as base64: base64 alone keeps what compresses its files from seeing bytes that repeat. */
async function checked(folder: string, variant: Variant): Promise<string> {
  const module = await compile(folder, variant);
  const name = `${variant.name}, vectors of ${variant.vectors} bits`;
  const reason = unshareable(module) ?? misnamed(new WebAssembly.Module(module as BufferSource));
  if (reason !== undefined) throw new Error(`${folder}, ${name}: ${reason}`);
  console.error(`kernels: ${relative(packages, folder)} ${name}: ${module.length} bytes`);
  return deflateSync(module, { level: 9 }).toString("base64");
}

function declarations(variants: readonly Variant[], modules: readonly string[]): string[] {
  const names = variants.map(({ name }) => `"${name}"`).join(" | ");
  return [
    `export const modules: Readonly<Record<${names}, () => Promise<Uint8Array<ArrayBuffer>>>> = {`,
    ...modules,
    "};",
    "async function inflate(base64: string): Promise<Uint8Array<ArrayBuffer>> {",
    "  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));",
    '  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();',
    "  const parts: Uint8Array<ArrayBuffer>[] = [];",
    "  for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value as Uint8Array<ArrayBuffer>);",
    "  return new Uint8Array(await new Blob(parts).arrayBuffer());",
    "}",
    "",
  ];
}

function writeModules(target: string, lines: readonly string[]): void {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(`${target}.part`, lines.join("\n"));
  renameSync(`${target}.part`, target);
}

function embedMember(): void {
  // Node 24 calls stripping types experimental; nothing else here warns.
  process.removeAllListeners("warning");
  const text = stripTypeScriptTypes(readFileSync(join(here, "../src/team/member.ts"), "utf8"));
  const target = join(here, "../src/generated/member.ts");
  const made = `export const source: string = ${JSON.stringify(text.replaceAll(/^ +$| +$/gm, ""))};\n`;
  if (!existsSync(target) || readFileSync(target, "utf8") !== made) writeFileSync(target, made);
}

async function compile(folder: string, { features, vectors }: Variant): Promise<Uint8Array> {
  let module: Uint8Array | undefined;
  const flags =
    "--runtime stub --importMemory --noExportMemory --initialMemory 1 -O3 --noAssert --disableWarning 201 --outFile out.wasm".split(" ");
  const entry = relative(packages, join(folder, dirname(ENTRY), "with-constants.ts"));
  const virtual: Readonly<Record<string, string>> = {
    [entry]: `export * from "./index"; ${pool.writer}`,
    ...Object.fromEntries(POOLED.map((path, i) => [relative(packages, path), pool.texts[i]!])),
  };
  const { error, stderr } = await compileAssembly(
    [entry, "--baseDir", packages, ...flags, "--use", `WIDE=${Number(vectors === 256)}`, "--enable", features.join(",")],
    {
      readFile: (name) => {
        const path = join(packages, name);
        return virtual[name] ?? (existsSync(path) ? readFileSync(path, "utf8") : null);
      },
      writeFile: (name, contents) => {
        if (name === "out.wasm") module = contents as Uint8Array;
      },
    },
  );
  if (error !== null || module === undefined) throw new Error(`${folder}: ${stderr.toString()}`, { cause: error });
  return module;
}

/** Over all that the output depends on: the package's sources, those of this package that it may import, the builder, the compiler. */
function hashOf(folder: string): string {
  const hash = createHash("sha256").update(version).update(JSON.stringify(VARIANTS));
  for (const root of new Set([here, join(folder, "kernels")])) {
    for (const name of readdirSync(root, { recursive: true, encoding: "utf8" }).sort()) {
      if (name.endsWith(".ts")) hash.update(`\n${name}\n`).update(readFileSync(join(root, name)));
    }
  }
  return hash.digest("hex");
}
