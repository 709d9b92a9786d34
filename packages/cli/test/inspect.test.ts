/** What inspect says, held against what can be counted by hand and what a run really takes. */
import { join } from "node:path";
import { folderFiles } from "@pare/core/node";
import { createModel, encoderDecoder, loadCheckpoint } from "@pare/models";
import { expect, test } from "vitest";
import { openRegistry } from "../src/registry.ts";
import { footprint } from "../src/footprint.ts";
import { shapedConfig } from "../src/shapes.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

test("a decoder: parameters, FLOPs and memory by hand", async () => {
  const cwd = temporaryFolder();
  await runCli(["create", "tiny", "--out", "m", "--untied"], { cwd });
  const facts = (await runCli(["inspect", "m", "--seq", "16", "--batch", "2", "--json"], { cwd })).json();
  const [hidden, vocabulary, neurons, layers, heads, keyValue, headDim] = [32, 256, 64, 2, 4, 2, 8];
  const matrices = layers * (2 * hidden * heads * headDim + 2 * hidden * keyValue * headDim + 3 * hidden * neurons) + vocabulary * hidden;
  const norms = (2 * layers + 1) * hidden;
  expect(facts.parameters).toBe(matrices + norms + vocabulary * hidden);
  expect(facts.parametersWithoutEmbeddings).toBe(matrices + norms);
  // Causal attention: scores and sums over (16 + 1) / 2 keys on average; all other ops are a few per element.
  const products = 2 * matrices + layers * 4 * heads * headDim * 8.5;
  expect(facts.run.flopsPerToken).toBeGreaterThan(products);
  expect(facts.run.flopsPerToken).toBeLessThan(products + layers * 20 * hidden + 10 * hidden);
  expect(facts.run.memory.weights).toBe(4 * facts.parameters);
  expect(facts.run.memory.cache).toBe(4 * 2 * 16 * layers * 2 * keyValue * headDim);
  // The logits alone, and no more than a few times everything that is alive at once.
  expect(facts.run.memory.arena).toBeGreaterThan(4 * 2 * 16 * vocabulary);
  expect(facts.run.memory.arena).toBeLessThan(4 * 2 * 16 * (vocabulary + 20 * neurons));
  expect(facts.largest).toHaveLength(10);
  expect(facts.largest.slice(0, 2).sort()).toEqual(["embedding", "output"]);
});

test("quantized weights count by their bits, in memory too", async () => {
  const cwd = temporaryFolder();
  await runCli(["create", "tiny", "--out", "m"], { cwd });
  await runCli(["compress", "m", "--recipe", "int8", "--out", "small"], { cwd });
  const facts = (await runCli(["inspect", "small", "--json"], { cwd })).json();
  const affine = facts.storages.find(({ storage }: { storage: string }) => storage === "affine 8-bit");
  expect(affine.bytes).toBeLessThan(1.2 * affine.parameters);
  expect(facts.storages.reduce((sum: number, { bytes }: { bytes: number }) => sum + bytes, 0)).toBe(facts.bytes);
  expect(facts.run.memory.weights).toBe(facts.bytes);
  const text = (await runCli(["inspect", "small"], { cwd })).out;
  expect(text).toMatch(/parameters \(.* without embeddings\)/);
  expect(text).toMatch(/FLOPs per token over 128 tokens/);
  expect(text).toMatch(/memory for 1 × 128 tokens: .*keys and values/);
  expect(text).toContain("the 10 largest of");
  expect((await runCli(["inspect", "small", "--all"], { cwd })).out).toContain("layers.1.feedForward.down");
});

test("every architecture has a footprint", async () => {
  const { registry } = await openRegistry(temporaryFolder());
  const config = shapedConfig("encoder-decoder-tiny", {});
  const model = createModel(encoderDecoder.define, config, { seed: 1 });
  const { run, parameters } = await footprint(model, registry, { batch: 1, seq: 8 });
  expect(run.flopsPerToken).toBeGreaterThan(parameters);
  expect(run.memory.cache).toBeGreaterThan(0);
  const goldens = new URL("../../models/test/goldens/", import.meta.url).pathname;
  for (const name of await folderFiles(goldens).list()) {
    if (!name.endsWith("/config.json") || name.split("/").length > 2) continue;
    const golden = await loadCheckpoint(folderFiles(join(goldens, name, "..")), registry);
    const found = await footprint(golden, registry, { batch: 2, seq: 4 });
    expect(found.run.flopsPerToken, name).toBeGreaterThan(0);
    expect(found.run.memory.total, name).toBeGreaterThan(found.bytes / 2);
  }
});
