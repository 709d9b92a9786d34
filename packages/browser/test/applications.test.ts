/** What an application's bundle holds, and what it does in a real browser: the same as in Node. */
import { gzipSync } from "node:zlib";
import { join, relative } from "node:path";
import { createRegistry, memoryFiles, readText, type FileSet } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import {
  bert,
  bertConfig,
  builtIn,
  createModel,
  huggingFaceExporter,
  llama,
  llamaConfig,
  load,
  tokenizerFromJson,
  wordTokenizer,
  type BertConfig,
  type Checkpoint,
  type LoadedModel,
} from "@pare/models";
import { openReference } from "@pare/tensor-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundle, chromium, openSite, type Site } from "../../../tools/browser/page.ts";

const ROOT = join(import.meta.dirname, "../../..");
/** Bytes of all files of the application, each minified and compressed by gzip. */
const MOST = 200_000;

interface Application {
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  /** Modules that are in it, by paths from the workspace's root. */
  readonly modules: readonly string[];
}

async function buildApplication(): Promise<Application> {
  const modules = new Set<string>();
  const listing = {
    name: "list-modules",
    generateBundle: (
      _options: unknown,
      output: Readonly<Record<string, { modules?: Readonly<Record<string, { renderedLength: number }>> }>>,
    ) => {
      for (const file of Object.values(output))
        for (const [id, { renderedLength }] of Object.entries(file.modules ?? {})) if (renderedLength > 0) modules.add(id);
    },
  };
  const input = join(import.meta.dirname, "applications.ts");
  const built = await bundle({ plugins: [listing as never], build: { modulePreload: false, rollupOptions: { input } } });
  return { files: built, modules: [...modules].map((id) => relative(ROOT, id)) };
}

let application: Application;
beforeAll(async () => {
  application = await buildApplication();
});

test("an application's bundle holds no stage, no command and nothing of Node, and is small", () => {
  const { files, modules } = application;
  const packages = new Set(modules.flatMap((id) => /^packages\/([^/]+)\/src\//.exec(id)?.[1] ?? []));
  expect([...packages].sort()).toEqual(["backend-wasm", "core", "formats", "models", "tensor-core"]);
  expect(modules.filter((id) => /\/src\/node[./]|^node:|browser-external|\/huggingface\+hub|\/hub\//.test(id))).toEqual([]);
  // Kernels for wide vectors are a file apart that no page asks for: an engine has to be told to join vectors.
  const asked = [...files].filter(([name]) => !/\/wide-[^/]*$/.test(name)).map(([, content]) => content);
  expect(asked).toHaveLength(1);
  const size = asked.reduce((sum, content) => sum + gzipSync(content).length, 0);
  console.log(`an application of @pare/models and @pare/backend-wasm: ${size} bytes, compressed`);
  expect(size).toBeLessThan(MOST);
});

const folder = folderFiles(join(ROOT, "packages/models/test/tokenizers/word-piece"));

/** A random encoder with a real tokenizer, or a decoder, as a folder of the transformers library. */
async function written(model: Checkpoint): Promise<FileSet> {
  const files = memoryFiles();
  await huggingFaceExporter.define.write(model, { files, registry: createRegistry(...builtIn) });
  return files;
}

async function encoder(head: BertConfig["head"]): Promise<FileSet> {
  const json = async (name: string): Promise<unknown> => JSON.parse(await readText(folder, name)) as unknown;
  const tokenizer = tokenizerFromJson(await json("tokenizer.json"), await json("tokenizer_config.json"));
  const shape = { vocabularySize: tokenizer.vocabularySize, contextLength: 64, hiddenSize: 32, layers: 2, heads: 4, feedForward: 64, head };
  return written(createModel(bert.define, bertConfig(shape), { seed: 3, tokenizer }));
}

async function decoder(): Promise<FileSet> {
  const tokenizer = wordTokenizer(["walk", "run", "jump", "twice", "and"]);
  const shape = { vocabularySize: tokenizer.vocabularySize, contextLength: 64, hiddenSize: 32, layers: 2, heads: 4, feedForward: 64 };
  return written(createModel(llama.define, llamaConfig(shape), { seed: 3, tokenizer }));
}

const MODELS: Readonly<Record<string, () => Promise<FileSet>>> = {
  embed: () => encoder({ task: "sentence-embedding", pooling: "mean", normalise: true }),
  classify: () => encoder({ task: "sequence-classification", labels: ["good", "bad"], kind: "single", activation: "tanh" }),
  answer: () => encoder({ task: "question-answering" }),
  fillMask: () => encoder({ task: "masked-token", activation: "gelu", tied: true }),
  generate: decoder,
};

/** Numbers rounded, so that what two devices give can be compared. */
function rounded(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_key, part: unknown) => (typeof part === "number" ? Number(part.toFixed(4)) : part)) as unknown;
}

describe.skipIf(chromium === undefined)("applications in Chromium", () => {
  const models = new Map<string, FileSet>();
  let site: Site;
  beforeAll(async () => {
    const files = new Map<string, string | Uint8Array>(application.files);
    for (const [use, make] of Object.entries(MODELS)) {
      const model = await make();
      models.set(use, model);
      for (const name of await model.list()) files.set(`${use}/${name}`, await model.read(name));
    }
    const script = [...files.keys()].find((name) => name.startsWith("assets/applications"))!;
    const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/${script}"></script>`;
    site = await openSite(files.set("index.html", page));
    await site.tab.waitForFunction(() => "run" in globalThis);
    // The same functions, in Node.
    await import("./applications.ts");
  });
  afterAll(() => site.close());

  test.each(Object.keys(MODELS))(".%s() gives what it gives in Node", async (use) => {
    const files = models.get(use)!;
    const found = await site.tab.evaluate(
      ([use, names]) => (globalThis as unknown as { run: (...args: unknown[]) => Promise<unknown> }).run(use, use, names),
      [use, await files.list()] as const,
    );
    const { uses } = globalThis as unknown as { uses: Record<string, (model: LoadedModel) => Promise<unknown>> };
    const own = await load(files, { device: openReference() });
    expect(rounded(found)).toEqual(rounded(await uses[use]!(own)));
    expect(JSON.stringify(found).length).toBeGreaterThan(20);
    await own.dispose();
    expect(site.messages).toEqual([]);
  });
});
