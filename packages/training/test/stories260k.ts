/** A real model and the protocol by which a reference implementation measured what steps make of it: 60 stories, 13,622 predictions. */
import { readFileSync } from "node:fs";
import { wasmBackend } from "@pare/backend-wasm";
import { createRegistry, type Context, type PluginRef, type RunEvent } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { builtIn, loadCheckpoint, openSession, type Checkpoint } from "@pare/models";
import { expect } from "vitest";
import { sharedData } from "../../models/test/data.ts";
import { encodeExample, splitText, textData } from "../src/index.ts";

const folder = sharedData("stories260K");
const text = sharedData("text/tinystories/tinystories_sample_197k.txt");
export const present = folder !== undefined && text !== undefined;

const STORIES = { separator: "<\\|endoftext\\|>|\\n\\n(?=(?:Once|One day|One morning))", minChars: 200 };

/** 64 other stories. */
export function calibration(): PluginRef {
  return { use: "text", text: readFileSync(text!, "utf8"), ...STORIES, skip: 60, examples: 64 };
}

export async function open(): Promise<{ context: Context; original: Checkpoint; events: readonly RunEvent[] }> {
  const registry = createRegistry(...builtIn, textData()) as unknown as Context["registry"];
  const events: RunEvent[] = [];
  const device = (await wasmBackend.open())!;
  const context: Context = { seed: 0, signal: new AbortController().signal, registry, device, emit: (event) => events.push(event) };
  return { context, original: await loadCheckpoint(folderFiles(folder!), registry), events };
}

export async function nllOf(model: Checkpoint, { registry, device }: Context): Promise<number> {
  const { pieces } = splitText(readFileSync(text!, "utf8"), "stories", { ...STORIES, examples: 60 });
  const tokens = pieces.map((target) => encodeExample(model.tokenizer!, "decoder", { target }, 256).tokens);
  const session = openSession(model, { device: device as never, registry });
  const scores = (await session.score({ tokens })).flatMap(({ nll }) => [...nll]);
  await session.dispose();
  expect(scores).toHaveLength(13_622);
  return scores.reduce((sum, nll) => sum + nll, 0) / scores.length;
}
