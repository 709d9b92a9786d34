/**
 * `node tools/packaging/check.ts`, after a build: packs every package as it would be published and looks at the result, with
 * publint, Are the types wrong, and the rules of `rules.ts`. Ends with 1 on a fault.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { packagesOf, ROOT, type Package } from "../workspace.ts";
import { packedFaults } from "./rules.ts";

const folder = mkdtempSync(join(tmpdir(), "pare-packed-"));
try {
  const faults: string[] = [];
  for (const each of packagesOf(ROOT).filter(({ manifest }) => manifest.private !== true)) {
    const found = await check(each);
    console.log(`${each.manifest.name}: ${found.length === 0 ? "no fault" : `${found.length} faults`}`);
    faults.push(...found.map((fault) => `${each.manifest.name}: ${fault}`));
  }
  for (const fault of faults) console.error(fault);
  console.log(faults.length === 0 ? "packaging: no fault" : `packaging: ${faults.length} faults`);
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}

async function check(each: Package): Promise<string[]> {
  const tarball = pack(each);
  const unpacked = join(folder, each.folder);
  mkdirSync(unpacked);
  execFileSync("tar", ["xzf", tarball, "-C", unpacked]);
  return [...packedFaults(join(unpacked, "package"), ROOT), ...(await publintFaults(tarball)), ...typeFaults(tarball)];
}

function pack({ path, folder: name }: Package): string {
  const tarball = join(folder, `${name}.tgz`);
  execFileSync("npx", ["-y", "pnpm@12.21.0", "--config.verify-deps-before-run=false", "pack", "--out", tarball], {
    cwd: path,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return tarball;
}

async function publintFaults(tarball: string): Promise<string[]> {
  const bytes = readFileSync(tarball);
  const { messages, pkg } = await publint({
    strict: true,
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) },
  });
  return messages.filter(({ type }) => type !== "suggestion").map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`);
}

function typeFaults(tarball: string): string[] {
  const attw = join(ROOT, "node_modules/.bin/attw");
  const { status, stdout, stderr } = spawnSync(attw, [tarball, "--profile", "esm-only", "--no-color", "--no-emoji"], { encoding: "utf8" });
  return status === 0 ? [] : [`attw:\n${stdout}${stderr}`];
}
