import { existsSync, readFileSync } from "node:fs";
import { createRegistry, type Context, type RunEvent } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { wasmBackend } from "@pare/backend-wasm";
import { builtIn, loadCheckpoint } from "@pare/models";
import { textData } from "@pare/training";
import { expect, it } from "vitest";
import { evaluate, perplexity } from "@pare/eval-suites";

const shared = new URL("../../../../shared/data/", import.meta.url);
const model = new URL("stories260K/", shared).pathname;
const text = new URL("text/tinystories/tinystories_sample_197k.txt", shared);
const present = existsSync(model) && existsSync(text);
if (!present) console.warn("shared/data is absent: perplexity is not compared with the measured figures of stories260K");

it.skipIf(!present)("gives stories260K the NLL that its reference measured, without a fallback", async () => {
  const registry = createRegistry(...builtIn, perplexity, textData(folderFiles(new URL("text/tinystories/", shared).pathname)));
  const device = await wasmBackend.open();
  const events: RunEvent[] = [];
  const context: Context = {
    seed: 1,
    signal: new AbortController().signal,
    registry: registry as Context["registry"],
    device,
    emit: (event) => events.push(event),
  };
  const checkpoint = await loadCheckpoint(folderFiles(model), registry as never);
  const options = { separator: "<\\|endoftext\\|>|\\n\\n(?=(?:Once|One day|One morning))", minChars: 200, examples: 60, maxTokens: 256 };

  const { results } = await evaluate(
    checkpoint,
    [
      { use: "perplexity", data: readFileSync(text, "utf8"), ...options },
      { use: "perplexity", data: { use: "text", file: "tinystories_sample_197k.txt" }, ...options, examples: 2 },
    ],
    context,
  );
  expect(results[0]).toMatchObject({
    label: "unknown",
    options,
    metrics: { pieces: 212, examples: 60, tokens: 13_682, predictions: 13_622 },
  });
  const { nll, nllLow, nllHigh } = results[0]!.metrics;
  expect(Math.abs(nll! - 1.3381)).toBeLessThan(1e-4);
  expect(nllLow! < nll! && nll! < nllHigh!).toBe(true);
  expect(results[1]).toMatchObject({ data: "tinystories_sample_197k.txt", metrics: { pieces: 212, examples: 2 } });
  expect(events.filter(({ type }) => type === "fallback")).toEqual([]);
  await device!.close();
});
