import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the examples of the README run as they stand, one after the other", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const code = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block]) => block).join("\n");
  // Beside this file, so that the package finds itself and its dependencies; run elsewhere, so that `.pare` is made there.
  const script = fileURLToPath(new URL(`readme-${process.pid}.ts`, import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), "pare-readme-"));
  try {
    writeFileSync(script, code);
    const run = (): string => execFileSync(process.execPath, ["--conditions=@pare/source", script], { cwd: folder, encoding: "utf8" });
    expect(run()).toBe("9\n9 [ 'ran', 'ran' ]\n");
    expect(run()).toBe("9\n9 [ 'cached', 'cached' ]\n");
  } finally {
    rmSync(script);
    rmSync(folder, { recursive: true });
  }
});
