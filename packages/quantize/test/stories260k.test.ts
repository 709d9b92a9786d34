/** The figures that a reference implementation measured on a real model, by the same protocol: 60 stories, 13,622 predictions. */
import { existsSync, readFileSync } from "node:fs";
import { createRegistry, type Context, type RunEvent } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { wasmBackend } from "@pare/backend-wasm";
import { builtIn, loadCheckpoint, openSession, type Checkpoint } from "@pare/models";
import { encodeExample, splitText } from "@pare/training";
import { roundToNearest, type RoundToNearestOptions } from "@pare/quantize";
import { describe, expect, it } from "vitest";

const shared = new URL("../../../../shared/data/", import.meta.url);
const folder = new URL("stories260K/", shared).pathname;
const text = new URL("text/tinystories/tinystories_sample_197k.txt", shared);
const present = existsSync(folder) && existsSync(text);
if (!present) console.warn("shared/data is absent: quantized stories260K is not compared with the measured figures");

const SEPARATOR = "<\\|endoftext\\|>|\\n\\n(?=(?:Once|One day|One morning))";

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
    const registry = createRegistry(...builtIn) as unknown as Context["registry"];
    const device = (await wasmBackend.open())!;
    const events: RunEvent[] = [];
    const context: Context = { seed: 0, signal: new AbortController().signal, registry, device, emit: (event) => events.push(event) };
    const original = await loadCheckpoint(folderFiles(folder), registry);
    const { model } = await roundToNearest(options).run({ model: original }, context);
    expect(Math.abs((await nllOf(model, context)) - expected)).toBeLessThan(0.004);
    expect(events.filter(({ type }) => type === "fallback")).toEqual([]);
    await device.close();
  });
});

async function nllOf(model: Checkpoint, { registry, device }: Context): Promise<number> {
  const { pieces } = splitText(readFileSync(text, "utf8"), "stories", { separator: SEPARATOR, minChars: 200, examples: 60 });
  const tokens = pieces.map((target) => encodeExample(model.tokenizer!, "decoder", { target }, 256).tokens);
  const session = openSession(model, { device: device as never, registry });
  const scores = (await session.score({ tokens })).flatMap(({ nll }) => [...nll]);
  await session.dispose();
  expect(scores).toHaveLength(13_622);
  return scores.reduce((sum, nll) => sum + nll, 0) / scores.length;
}
