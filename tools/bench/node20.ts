/** The same benches under Node 20, which has no relaxed SIMD and cannot run TypeScript: found on the PATH, given a bundle of the bench. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { build } from "vite";
import { ROOT } from "../workspace.ts";

/** The first `node` among the folders of PATH that is of version 20. */
export function findNode20(path: string = process.env["PATH"] ?? ""): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, process.platform === "win32" ? "node.exe" : "node"))
    .find((node) => existsSync(node) && versionOf(node).startsWith("v20."));
}

function versionOf(node: string): string {
  try {
    return execFileSync(node, ["--version"], { encoding: "utf8" });
  } catch {
    return "";
  }
}

const BUNDLE = "node20.bundle.mjs";

/** One file of JavaScript, from sources; it lies in the folder of the benches, where it finds the peers, which stay outside, and the shapes. */
export async function bundleFor(bench: string): Promise<string> {
  const outDir = join(ROOT, "bench");
  await build({
    root: ROOT,
    configFile: false,
    logLevel: "warn",
    resolve: { conditions: ["@pare/source", "node", "import", "module", "default"] },
    ssr: { noExternal: [/^@pare\//], resolve: { conditions: ["@pare/source", "node", "import", "module", "default"] } },
    build: {
      ssr: join(ROOT, bench),
      outDir,
      emptyOutDir: false,
      target: "node20",
      minify: false,
      rolldownOptions: { external: [/^(?!\.|\/|@pare\/)/], output: { entryFileNames: BUNDLE, codeSplitting: false } },
    },
  });
  return join(outDir, BUNDLE);
}
