/** Deno, where the interop project is installed: WebGPU by wgpu, which no browser here has, over any Vulkan driver. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";

const DRIVERS = "/usr/share/vulkan/icd.d";

/** The executable; undefined where it is not installed, said aloud. */
export function findDeno(): string | undefined {
  const platform = `${process.platform}-${process.arch}${process.platform === "linux" ? "-glibc" : ""}`;
  try {
    const own = createRequire(new URL("../package.json", import.meta.url));
    const deno = createRequire(own.resolve("deno/package.json"));
    return join(deno.resolve(`@deno/${platform}/package.json`), "..", process.platform === "win32" ? "deno.exe" : "deno");
  } catch (error) {
    console.warn(`skipped: Deno is not installed (${(error as Error).message.split("\n")[0]}).`);
    console.warn("install it with: npx -y pnpm@12.21.0 --dir interop install --frozen-lockfile");
    return undefined;
  }
}

/** Mesa's software driver where there is one, unless the caller names another; without any, wgpu takes OpenGL. */
export function softwareDriver(): Readonly<Record<string, string>> {
  if (process.env["VK_ICD_FILENAMES"] !== undefined) return {};
  try {
    const found = readdirSync(DRIVERS).find((name) => name.startsWith("lvp_icd"));
    return found === undefined ? {} : { VK_ICD_FILENAMES: join(DRIVERS, found) };
  } catch {
    return {};
  }
}

/** Runs a module of the workspace from its source; what it prints last is JSON. */
export async function runInDeno<Result>(deno: string, module: string): Promise<Result> {
  const { stdout } = await promisify(execFile)(deno, ["run", "--allow-all", "--no-lock", "--conditions=@pare/source", module], {
    env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...softwareDriver() },
    maxBuffer: 2 ** 26,
    timeout: 600_000,
  });
  return JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as Result;
}
