import { createRegistry, memoryFiles, type Progress } from "@pare/core";
import { z } from "zod";
import { expect, it } from "vitest";
import { builtIn, createModel, defineExporter, llama, llamaConfig, loadCheckpoint, pareExporter } from "../index.ts";

const config = llamaConfig({ vocabularySize: 16, contextLength: 8, hiddenSize: 8, layers: 1, heads: 2, feedForward: 12 });
const model = createModel(llama.define, config, { seed: 1 });
const registry = createRegistry(...builtIn, pareExporter);

it("writes our folder, telling each weight once", async () => {
  const files = memoryFiles();
  const seen: Progress[] = [];
  await pareExporter.define.write(model, { files, registry, progress: (one) => seen.push(one) });
  expect(await (await loadCheckpoint(files, registry)).hash()).toBe(await model.hash());
  expect(seen.map(({ done }) => done)).toEqual(Array.from({ length: model.weights.size }, (_, index) => index + 1));
  expect(seen.at(-1)).toMatchObject({ total: model.weights.size, unit: "weights" });
});

it("reads no weight after an abort, and leaves no file", async () => {
  const files = memoryFiles();
  const controller = new AbortController();
  const progress = ({ done }: Progress): void => {
    if (done === 2) controller.abort(new Error("enough"));
  };
  await expect(pareExporter.define.write(model, { files, registry, progress, signal: controller.signal })).rejects.toThrow("enough");
  expect(await files.list()).toEqual([]);
});

it("checks options before it writes", async () => {
  let written = false;
  const exporter = defineExporter({
    id: "mine",
    version: 1,
    package: "mine",
    options: z.strictObject({ bits: z.int().default(8) }),
    write: async (_checkpoint, { options }) => {
      written = options.bits === 8;
      return { changes: [], notes: [] };
    },
  });
  const request = { files: memoryFiles(), registry };
  await expect(exporter.define.write(model, { ...request, options: { bits: "8" } })).rejects.toMatchObject({
    code: "core/options-invalid",
  });
  expect(written).toBe(false);
  await exporter.define.write(model, request);
  expect(written).toBe(true);
});
