/** The figures that a reference implementation measured on a real model, by the same protocol: 60 stories, 13,622 predictions. */
import { existsSync, readFileSync } from "node:fs";
import { createRegistry, type Context, type RunEvent } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { wasmBackend } from "@pare/backend-wasm";
import { builtIn, loadCheckpoint, openSession, type Checkpoint } from "@pare/models";
import { encodeExample, splitText, textData } from "@pare/training";
import { gptq, roundToNearest, type GptqOptions, type RoundToNearestOptions } from "@pare/quantize";
import { describe, expect, it } from "vitest";

const shared = new URL("../../../../shared/data/", import.meta.url);
const folder = new URL("stories260K/", shared).pathname;
const text = new URL("text/tinystories/tinystories_sample_197k.txt", shared);
const present = existsSync(folder) && existsSync(text);
if (!present) console.warn("shared/data is absent: quantized stories260K is not compared with the measured figures");

const STORIES = { separator: "<\\|endoftext\\|>|\\n\\n(?=(?:Once|One day|One morning))", minChars: 200 };

describe.skipIf(!present)("stories260K, rounded", () => {
  const rows: readonly [number, RoundToNearestOptions][] = [
    [1.3379, { bits: 8, embeddings: true }],
    [1.3444, { bits: 6, embeddings: true }],
    [1.5514, { bits: 4, embeddings: true }],
    [3.567, { bits: 3, embeddings: true }],
    [1.3376, { bits: 8 }],
    [1.4732, { bits: 4, granularity: "group", groupSize: 32 }],
  ];

  it.each(rows)("has NLL %d under %o", async (expected, options) => {
    const { context, original, events } = await open();
    const { model } = await roundToNearest(options).run({ model: original }, context);
    expect(Math.abs((await nllOf(model, context)) - expected)).toBeLessThan(0.004);
    expect(events.filter(({ type }) => type === "fallback")).toEqual([]);
  });

  const calibrated: readonly [number, Partial<GptqOptions>][] = [
    [1.4522, { bits: 4, activationOrder: false }],
    [1.4337, { bits: 4 }],
    [1.4134, { bits: 4, granularity: "group", activationOrder: false }],
    [1.4028, { bits: 4, granularity: "group" }],
    [2.4735, { bits: 3 }],
  ];

  it.each(calibrated)("has NLL %d, or little more, after GPTQ with %o", async (expected, options) => {
    const { context, original, events } = await open();
    const data = { use: "text", text: readFileSync(text, "utf8"), ...STORIES, skip: 60, examples: 64 };
    const { model } = await gptq({ bits: 4, data, maxTokens: 256, ...options }).run({ model: original }, context);
    expect(await nllOf(model, context)).toBeLessThan(1.02 * expected);
    expect(events.filter(({ type }) => type === "fallback")).toEqual([]);
  });
});

async function open(): Promise<{ context: Context; original: Checkpoint; events: readonly RunEvent[] }> {
  const registry = createRegistry(...builtIn, textData()) as unknown as Context["registry"];
  const events: RunEvent[] = [];
  const device = (await wasmBackend.open())!;
  const context: Context = { seed: 0, signal: new AbortController().signal, registry, device, emit: (event) => events.push(event) };
  return { context, original: await loadCheckpoint(folderFiles(folder), registry), events };
}

async function nllOf(model: Checkpoint, { registry, device }: Context): Promise<number> {
  const { pieces } = splitText(readFileSync(text, "utf8"), "stories", { ...STORIES, examples: 60 });
  const tokens = pieces.map((target) => encodeExample(model.tokenizer!, "decoder", { target }, 256).tokens);
  const session = openSession(model, { device: device as never, registry });
  const scores = (await session.score({ tokens })).flatMap(({ nll }) => [...nll]);
  await session.dispose();
  expect(scores).toHaveLength(13_622);
  return scores.reduce((sum, nll) => sum + nll, 0) / scores.length;
}
