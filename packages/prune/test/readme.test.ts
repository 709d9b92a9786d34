import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the examples of the README run as they stand, one after the other", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const code = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block]) => block).join("\n");
  // Beside this file, so that the package finds itself and its dependencies.
  const script = fileURLToPath(new URL(`readme-${process.pid}.ts`, import.meta.url));
  try {
    writeFileSync(script, code);
    const printed = execFileSync(process.execPath, ["--conditions=@pare/source", script], { encoding: "utf8" });
    expect(printed).toBe(
      "[ 'prune/heads', 'prune/magnitude', 'train/finetune' ] Set(2) { 'dense', 'sparse/block' }\n0.5\n0.5\n[ '0.528', 'trained', '0.722', 'trained', '0.750', 'trained' ]\nsparse/block\ntrue\n[ 32, 48 ]\n1\n[ 10, 24 ]\n{ 'layers.0': 0.3, 'layers.1': 0.3 }\n",
    );
  } finally {
    rmSync(script);
  }
});
