/** What PyTorch's exporters write of the fixtures' models, read again: `tools/goldens/onnx_exports.py` made the files. */
import { readdirSync } from "node:fs";
import { createRegistry, memoryFiles } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { onnxFormat } from "@pare/formats";
import { expect, it } from "vitest";
import { builtIn, loadCheckpoint, type Checkpoint } from "../src/index.ts";
import { goldenFiles } from "./goldens.ts";

const EXPORTS = `${import.meta.dirname}/onnx-exports`;
const registry = createRegistry(...builtIn, onnxFormat);

async function read(file: string): Promise<{ exported: Checkpoint; golden: Checkpoint }> {
  const golden = goldenFiles(file.replace(/-[a-z]+\.onnx$/, ""));
  const files = memoryFiles({ "model.onnx": await folderFiles(EXPORTS).read(file), "config.json": await golden.read("config.json") });
  return { exported: await loadCheckpoint(files, registry), golden: await loadCheckpoint(golden, registry) };
}

it.each(readdirSync(EXPORTS))(
  "%s holds the model's weights: by their names, by the modules around their nodes, or under a wrapper's name",
  async (file) => {
    const { exported, golden } = await read(file);
    expect(exported.config).toEqual(golden.config);
    expect([...exported.weights.keys()]).toEqual([...golden.weights.keys()]);
    for (const [name, weight] of golden.weights)
      expect((await exported.weights.get(name)!.dense()).data, name).toEqual((await weight.dense()).data);
  },
);
