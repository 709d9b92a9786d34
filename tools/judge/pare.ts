/** How judges run the command, and what they measured with. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { ROOT } from "../workspace.ts";
import type { Pare } from "./protocol.ts";

const BIN = join(ROOT, "packages", "cli", "src", "bin.ts");

/** The `pare` command of this workspace, run from its sources in a child process. */
export const pare: Pare = async (argv, cwd) => {
  const child = spawn(process.execPath, ["--conditions=@pare/source", "--disable-warning=ExperimentalWarning", BIN, ...argv], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (out += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (err += chunk));
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? 1, out, err };
};

/** What a command with `--json` says. Throws what it said where it failed. */
export async function pareJson(argv: readonly string[], cwd: string): Promise<any> {
  const { code, out, err } = await pare([...argv, "--json"], cwd);
  if (code !== 0) throw new Error(`pare ${argv.join(" ")} ended with ${code}: ${err}`);
  return JSON.parse(out);
}

/** What the figures were measured with. */
export function machine(): Record<string, string> {
  const commit = execFileSync("git", ["describe", "--always", "--dirty", "--abbrev=12"], { cwd: ROOT, encoding: "utf8" }).trim();
  return { commit, cpu: cpus()[0]?.model.trim() ?? "unknown", cores: String(availableParallelism()), node: process.version };
}
