/** The examples of the packages' READMEs run as they stand, one after the other; blocks marked `ts sketch` cannot run alone. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packagesOf, ROOT } from "../workspace.ts";

interface Example {
  /** What it prints, all of it or a pattern of it; by run, where a second run prints something else. */
  readonly prints: readonly (string | RegExp)[];
  /** Files that stand in the folder it runs in, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** A data set that stands there, by its name under `shared/data` beside the repository. */
  readonly data?: string;
}

const RUNS = [
  "params,flops,loss,optimizer",
  ...Array.from({ length: 40 }, (_, i) => {
    const [params, tokens] = [10 ** (7 + (i % 8) / 4), 10 ** (9 + Math.floor(i / 8) / 2)];
    return `${params},${6 * params * tokens},${1.8 + 480 * params ** -0.35 + 2000 * tokens ** -0.37},${i === 3 ? "sgd" : "adamw"}`;
  }),
].join("\n");

const EXAMPLES: Readonly<Record<string, Example>> = {
  "backend-gpujs": { prints: [""] },
  "backend-wasm": { prints: [""] },
  core: { prints: ["9\n9 [ 'ran', 'ran' ]\n", "9\n9 [ 'cached', 'cached' ]\n"] },
  distill: { prints: ["4 2\n"] },
  "eval-suites": { prints: [/^scan\/simple out-of-domain \{[^}]*examples: 500,[^}]*\}\nscan\/length [^}]*examples: 100,[^}]*\}\n$/] },
  formats: { prints: [/^\[ 2, 2 \] .*\nFloat32Array\(4\) \[ 1, 2, 3, 4 \]\n20 int8 per output\nllama\nFloat32Array\(2\) \[ 3, 4 \]\n$/] },
  models: {
    prints: [
      /^, there was a little girl named Lily.*true acme\/halve\n3 3\n\[ 1, 2, 6 \]\n(\d\n){4}\[ 1, 2, 6 \]\n\[ 'bad', 'good' \] true\n3 string\n\[ 'Ann', 'likes', 'teas', '\.' \]\ntrue\n3\n2 16\nmodels\/head-unfit\n$/s,
    ],
    data: "stories260K",
  },
  prune: {
    prints: [
      "[ 'prune/heads', 'prune/magnitude', 'train/finetune' ] Set(2) { 'dense', 'sparse/block' }\n0.5\n0.5\n[ '0.528', 'trained', '0.722', 'trained', '0.750', 'trained' ]\nsparse/block\ntrue\n[ 32, 48 ]\n1\n[ 10, 24 ]\n{ 'layers.0': 0.3, 'layers.1': 0.3 }\n",
    ],
  },
  quantize: { prints: ["8 true\n4 true\n3 true\naffine\n"] },
  "scaling-laws": { prints: [""], files: { "runs.csv": RUNS } },
  "sparse-kernels": { prints: [/^layer linear: [a-z-]+ \(.*\)\n\[ 32, 256 \] 14192 bytes instead of 131072\n$/] },
  "tensor-core": {
    prints: [
      /^(\d+ [\d.e-]+\n){4}\[ '2\.0', '-1\.0' \]\n\[ 'hidden', 'y' \]\nseen 3,4,7; y -2; squares 0,0,0\ny 5; squares 0,0,0\ny -4; squares 0,0,0\ny -2; squares 9,16,49\n\[ 0\.5 \]\n$/,
    ],
  },
  training: { prints: ["true true [ 'text: 4' ]\n[ 'no', 'yes' ] true\ntrue\n7 true\n"] },
};

for (const { folder, path } of packagesOf(ROOT)) {
  const readme = readFileSync(join(path, "README.md"), "utf8");
  const code = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block]) => block).join("\n");
  if (code === "") continue;
  const example = EXAMPLES[folder];
  const data = example?.data === undefined ? undefined : join(ROOT, "../shared/data", example.data);
  const absent = data !== undefined && !existsSync(data);
  if (absent) console.warn(`the README of ${folder} is not run: ${data} is not there`);
  test.skipIf(absent)(`the README of ${folder} runs`, () => {
    expect(example, `${folder} has examples, so what they print stands here`).toBeDefined();
    const cwd = mkdtempSync(join(tmpdir(), "pare-readme-"));
    // In the package's folder, so that it finds itself and its dependencies; run elsewhere, so that what it writes goes there.
    const script = join(path, `readme-${process.pid}.ts`);
    try {
      for (const [name, content] of Object.entries(example!.files ?? {})) writeFileSync(join(cwd, name), content);
      if (data !== undefined) symlinkSync(data, join(cwd, example!.data!));
      writeFileSync(script, code);
      for (const prints of example!.prints) {
        const printed = execFileSync(process.execPath, ["--conditions=@pare/source", script], { cwd, encoding: "utf8" });
        if (typeof prints === "string") expect(printed).toBe(prints);
        else expect(printed).toMatch(prints);
      }
    } finally {
      rmSync(script, { force: true });
      rmSync(cwd, { recursive: true });
    }
  });
}
