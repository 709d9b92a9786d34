/** The compiled command on the machine's own Node, the oldest that the published packages promise to run on. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { temporaryFolder } from "./run-cli.ts";

const built = fileURLToPath(new URL("../dist/bin.js", import.meta.url));
/** Scripts run on the workspace's Node, which a package brings; the machine's own stands further along the path. */
const installed = (process.env["PATH"] ?? "")
  .split(delimiter)
  .filter((folder) => !folder.includes("node_modules"))
  .map((folder) => join(folder, "node"))
  .find((file) => existsSync(file));
const version = installed === undefined ? undefined : execFileSync(installed, ["--version"], { encoding: "utf8" }).trim();
const why =
  version === undefined || version === process.version
    ? "the machine's Node is the workspace's"
    : existsSync(built)
      ? undefined
      : "the command is not built";
if (why !== undefined) console.warn(`SKIPPED: the compiled command on another Node: ${why}`);

it.skipIf(why !== undefined)(`creates, prunes, quantizes and inspects on ${version ?? "another Node"}`, { timeout: 60_000 }, () => {
  const folder = temporaryFolder();
  const run = (...argv: string[]): any =>
    JSON.parse(execFileSync(installed!, [built, ...argv, "--json"], { cwd: folder, encoding: "utf8" })) as unknown;
  expect(run("create", "tiny", "--out", "model").parameters).toBeGreaterThan(10_000);
  execFileSync(
    process.execPath,
    [
      "-e",
      `require("fs").writeFileSync("recipe.json", JSON.stringify([{ use: "prune/magnitude", sparsity: 0.5, pattern: "4x1" }, { use: "quantize/round-to-nearest", bits: 8, embeddings: true }]))`,
    ],
    { cwd: folder },
  );
  const made = run("compress", "model", "--recipe", "recipe.json", "--out", "smaller");
  expect(made.fallbacks).toEqual([]);
  expect(made.after.bytes).toBeLessThan(0.35 * made.before.bytes);
  expect(run("inspect", "smaller").bytes).toBe(made.after.bytes);
});
