/** Damaged files and wrong commands: a coded error that names file, field and next step, the output folder untouched, no memory taken. */
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isPareError, memoryFiles, type FileSet } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { createModel, llama, loadCheckpoint, verifyCheckpoint, wordTokenizer, type Checkpoint } from "@pare/models";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openRegistry } from "../src/registry.ts";
import { shapedConfig } from "../src/shapes.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

const WORDS = ["a", "cat", "sat", "on", "the", "mat"];

/** A folder with a model that reads words in `model`, a text, and an output of an earlier run in `before`. */
async function workplace(): Promise<string> {
  const cwd = temporaryFolder();
  const tokenizer = wordTokenizer(WORDS);
  const config = shapedConfig("tiny", { vocabularySize: tokenizer.vocabularySize });
  await createModel(llama.define, config, { seed: 1, tokenizer }).save(folderFiles(join(cwd, "model"), { create: true }));
  writeFileSync(join(cwd, "text.txt"), "the cat sat on the mat");
  expect((await runCli(["compress", "model", "--recipe", "int8", "--out", "before"], { cwd })).code).toBe(0);
  rmSync(join(cwd, ".pare"), { recursive: true });
  return cwd;
}

function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8", withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(names.map(({ parentPath, name }) => [name, readFileSync(join(parentPath, name), "base64")]));
}

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;

/** Changes the header of `model.safetensors` and the bytes behind it. */
function rewrite(folder: string, change: (header: Header, data: Buffer) => void): void {
  const file = join(folder, "model.safetensors");
  const bytes = readFileSync(file);
  const end = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString("utf8", 8, end)) as Header;
  const data = Buffer.from(bytes.subarray(end));
  change(header, data);
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(file, Buffer.concat([size, text, data]));
}

function cut(folder: string, name: string, kept: number): void {
  const file = join(folder, name);
  writeFileSync(file, readFileSync(file).subarray(0, kept));
}

function editJson(folder: string, name: string, edit: (json: any) => void): void {
  const file = join(folder, name);
  const json: unknown = JSON.parse(readFileSync(file, "utf8"));
  edit(json);
  writeFileSync(file, JSON.stringify(json));
}

interface Damage {
  readonly what: string;
  readonly hurt: (folder: string) => void;
  readonly code: string;
  readonly file: string;
  readonly field: string;
}

const QUERY = "layers.0.attention.query";
const WEIGHTS = "model.safetensors";

const DAMAGES: readonly Damage[] = [
  {
    what: "a safetensors header that is cut off",
    hurt: (folder) => cut(folder, WEIGHTS, 100),
    code: "formats/file-truncated",
    file: WEIGHTS,
    field: "header",
  },
  {
    what: "a header that says it takes 4 EiB",
    hurt: (folder) => {
      const bytes = readFileSync(join(folder, WEIGHTS));
      bytes.writeBigUInt64LE(2n ** 62n);
      writeFileSync(join(folder, WEIGHTS), bytes);
    },
    code: "formats/header-too-large",
    file: WEIGHTS,
    field: "header size",
  },
  {
    what: "offsets past the end of the file",
    hurt: (folder) => rewrite(folder, (header) => (header[QUERY]!.data_offsets = [2 ** 40, 2 ** 40 + 4096])),
    code: "formats/offsets-outside-file",
    file: WEIGHTS,
    field: `${QUERY}.data_offsets`,
  },
  {
    what: "a tensor of 4 TiB in a small file",
    hurt: (folder) => rewrite(folder, (header) => Object.assign(header[QUERY]!, { shape: [2 ** 20, 2 ** 20], data_offsets: [0, 2 ** 42] })),
    code: "formats/offsets-outside-file",
    file: WEIGHTS,
    field: `${QUERY}.data_offsets`,
  },
  {
    what: "overlapping tensors",
    hurt: (folder) => rewrite(folder, (header) => (header["layers.1.attention.query"]!.data_offsets = [...header[QUERY]!.data_offsets])),
    code: "formats/tensors-overlap",
    file: WEIGHTS,
    field: "layers.1.attention.query",
  },
  {
    what: "a weight that holds NaN",
    hurt: (folder) => rewrite(folder, (header, data) => void data.writeFloatLE(Number.NaN, header[QUERY]!.data_offsets[0])),
    code: "models/weight-not-finite",
    file: WEIGHTS,
    field: QUERY,
  },
  {
    what: "a config that disagrees with the tensors' shapes",
    hurt: (folder) => editJson(folder, "config.json", (config) => (config.hiddenSize *= 2)),
    code: "models/weight-shape-mismatch",
    file: WEIGHTS,
    field: "embedding",
  },
  {
    what: "a config of impossible size",
    hurt: (folder) => editJson(folder, "config.json", (config) => (config.vocabularySize = 1e15)),
    code: "models/config-invalid",
    file: "config.json",
    field: "vocabularySize",
  },
  {
    what: "a tokenizer with a missing piece",
    hurt: (folder) => editJson(folder, "tokenizer.json", ({ model }) => delete model.vocab["cat"]),
    code: "models/tokenizer-invalid",
    file: "tokenizer.json",
    field: "id ",
  },
  {
    what: "no weights at all",
    hurt: (folder) => rmSync(join(folder, WEIGHTS)),
    code: "core/file-missing",
    file: "model",
    field: "",
  },
];

test.each(DAMAGES)("$what is refused by every command that reads the model", async ({ hurt, code, file, field }) => {
  const cwd = await workplace();
  hurt(join(cwd, "model"));
  const before = contents(join(cwd, "before"));
  const memory = process.memoryUsage().arrayBuffers;
  for (const command of [
    ["compress", "model", "--recipe", "int8", "--out", "out"],
    ["compress", "model", "--recipe", "int8", "--out", "before", "--force"],
    ["train", "model", "--data", "text.txt", "--options", '{"steps":1}', "--out", "out"],
    ["eval", "model", "--suite", "perplexity", "--data", "text.txt"],
    ["generate", "model", "--max-tokens", "2"],
  ]) {
    const error = await refusal(cwd, command);
    expect(error).toMatchObject({ code });
    expect(error.file).toMatch(new RegExp(`${file}$`));
    expect(error.field ?? "").toContain(field);
  }
  expect(existsSync(join(cwd, "out"))).toBe(false);
  expect(contents(join(cwd, "before"))).toEqual(before);
  expect(readdirSync(cwd).filter((name) => name !== ".pare")).toEqual(["before", "model", "text.txt"]);
  // Models this small take a few megabytes of the device's memory; what the damaged headers announce would take far more.
  expect(process.memoryUsage().arrayBuffers - memory).toBeLessThan(128e6);
});

/** What a command that must fail says with `--json`; the exit code and the text for people are checked here. */
async function refusal(cwd: string, command: readonly string[]): Promise<any> {
  const ran = await runCli([...command, "--json"], { cwd });
  expect(ran.code, ran.out).toBe(2);
  const { error } = ran.json();
  expect(error.next).toMatch(/\w/);
  expect(ran.err).toContain(error.code);
  return error;
}

const ROUND = { use: "quantize/round-to-nearest", bits: 8 };
const READS = { use: "train/finetune", steps: 1, data: { use: "text", file: "text.txt" } };

test.each<[what: string, steps: unknown, error: object]>([
  [
    "an unknown stage",
    [ROUND, { use: "prune/magnitud" }],
    { code: "core/plugin-unknown", field: "steps[1].use", near: ["prune/magnitude"] },
  ],
  [
    "an option of the wrong type",
    [{ ...ROUND, bits: "8" }],
    { code: "core/options-invalid", field: "steps[0] (quantize/round-to-nearest).bits", found: '"8"' },
  ],
  [
    "an unknown data set after a step that would run",
    [ROUND, { ...READS, data: { use: "txt" } }],
    { code: "core/plugin-unknown", field: "steps[1] (train/finetune).data.use", near: ["text"] },
  ],
])("a recipe with %s is refused before a step runs", async (_, steps, expected) => {
  const cwd = await workplace();
  writeFileSync(join(cwd, "recipe.json"), JSON.stringify(steps));
  expect(await refusal(cwd, ["compress", "model", "--recipe", "recipe.json", "--out", "out"])).toMatchObject({
    file: "recipe.json",
    ...expected,
  });
  expect(readdirSync(cwd).sort()).toEqual(["before", "model", "recipe.json", "text.txt"]);
});

const EVAL = ["eval", "model", "--suite"];

test.each<[what: string, command: readonly string[], error: object]>([
  ["a recipe", ["compress", "model", "--recipe", "nowhere.json", "--out", "out"], { code: "cli/recipe-unknown", file: "nowhere.json" }],
  [
    "a text to train on",
    ["train", "model", "--data", "nowhere.txt", "--options", '{"steps":1}', "--out", "out"],
    { code: "cli/file-unreadable", file: "nowhere.txt" },
  ],
  [
    "a text to evaluate on",
    [...EVAL, "perplexity", "--data", "nowhere.txt"],
    { code: "training/data-file-missing", file: expect.stringContaining("nowhere.txt"), field: "data" },
  ],
  [
    "a model",
    ["compress", "nowhere", "--recipe", "int8", "--out", "out"],
    { code: "core/folder-missing", file: expect.stringContaining("nowhere") },
  ],
  ["a suite", [...EVAL, "perplexiti", "--data", "text.txt"], { code: "core/plugin-unknown", field: "--suite", near: ["perplexity"] }],
  ["data of a suite", [...EVAL, "perplexity"], { code: "eval-suites/data-missing", field: "data" }],
  ["an end of --options", [...EVAL, "perplexity", "--options", "{"], { code: "cli/flag-invalid", field: "--options" }],
  [
    "a suite's option",
    [...EVAL, "perplexity", "--data", "text.txt", "--options", '{"minChar":1}'],
    { code: "core/option-unknown", field: "--options (perplexity).minChar", near: ["minChars"] },
  ],
  [
    "a number where a suite's option is a text",
    [...EVAL, "perplexity", "--data", "text.txt", "--options", '{"separator":1}'],
    { code: "core/options-invalid", field: "--options (perplexity).separator" },
  ],
])("%s that does not exist is named, and nothing is written", async (_, command, expected) => {
  const cwd = await workplace();
  expect(await refusal(cwd, command)).toMatchObject(expected);
  expect(
    readdirSync(cwd)
      .filter((name) => name !== ".pare")
      .sort(),
  ).toEqual(["before", "model", "text.txt"]);
});

test.each(["4x1", "unstructured"])(
  "damage anywhere in a model pruned %s and quantized is refused with file and field, or changes numbers alone",
  async (pattern) => {
    const cwd = await workplace();
    const recipe = [
      { use: "prune/magnitude", sparsity: 0.9, pattern },
      { ...ROUND, embeddings: true },
    ];
    writeFileSync(join(cwd, "recipe.json"), JSON.stringify(recipe));
    expect((await runCli(["compress", "model", "--recipe", "recipe.json", "--out", "small"], { cwd })).code).toBe(0);
    const { registry } = await openRegistry(cwd);
    const files = folderFiles(join(cwd, "small"));
    const bytes = await files.read(WEIGHTS);
    const layout = ({ weights }: Checkpoint): unknown =>
      [...weights].map(([name, { shape, storage, descriptor }]) => [name, shape, storage, descriptor]);
    const model = await loadCheckpoint(files, registry);
    expect(new Set([...model.weights.values()].map(({ storage }) => storage))).toEqual(new Set(["dense", "affine", "sparse/affine"]));
    const original = layout(model);
    let refused = 0;
    const damage = fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(damage, async ([at, flip]) => {
        const own = memoryFiles({ [WEIGHTS]: bytes.map((byte, place) => (place === at ? byte ^ flip : byte)) }, files.location);
        const of = (name: string): FileSet => (name === WEIGHTS ? own : files);
        const broken: FileSet = {
          ...files,
          size: (name) => of(name).size(name),
          read: (name, begin, end) => of(name).read(name, begin, end),
        };
        try {
          const checkpoint = await loadCheckpoint(broken, registry);
          await verifyCheckpoint(checkpoint);
          expect(layout(checkpoint)).toEqual(original);
        } catch (error) {
          if (!isPareError(error)) throw error;
          expect(error.report).toMatchObject({
            file: expect.stringContaining(WEIGHTS),
            field: expect.stringMatching(/./),
            next: expect.any(String),
          });
          refused++;
        }
      }),
      { numRuns: 250 },
    );
    expect(refused).toBeGreaterThan(30);
  },
);
