import { readFileSync } from "node:fs";
import { openWasm } from "@pare/backend-wasm";
import { isPareError } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { openReference } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { load, loadCheckpoint, openSession } from "../src/index.ts";
import { sharedData } from "./data.ts";
import { registry, saved } from "./models.ts";

const folder = sharedData("stories260K");
const text = sharedData("text/tinystories/tinystories_sample_197k.txt");

describe.skipIf(folder === undefined)("stories260K", () => {
  const model = (): ReturnType<typeof load> => load(folderFiles(folder!), { device: openReference() });

  it("encodes as llama2.c does", async () => {
    const { checkpoint } = await model();
    expect(checkpoint.tokenizer!.encode("Once upon a time")).toEqual([403, 407, 261, 378]);
    expect(checkpoint.tokenizer!.special).toMatchObject({ begin: 1, end: 2 });
    expect(checkpoint.provenance).toMatchObject({ seen: undefined, origin: expect.stringContaining("llama2.c") });
  });

  it("tells the story that its documentation prints, greedily and in pieces, with and without cache", async () => {
    const story = /-t 0\.0\n([\s\S]*?)\n```/.exec(readFileSync(`${folder}/doc_stories260K.md`, "utf8"))![1]!;
    const { generate, dispose } = await model();
    const pieces: string[] = [];
    for await (const piece of generate("", { maxTokens: 256 })) pieces.push(piece);
    expect(pieces.join("")).toBe(story);
    expect(pieces.length).toBeGreaterThan(200);
    let begun = "";
    for await (const piece of generate("", { maxTokens: 40, cache: false })) begun += piece;
    expect(story.startsWith(begun) && begun.length > 60).toBe(true);
    await dispose();
  });

  it("is the same model from a folder of our own", async () => {
    const { checkpoint } = await model();
    const again = await loadCheckpoint(await saved(checkpoint), registry);
    expect(await again.hash()).toBe(await checkpoint.hash());
    const device = openReference();
    const batch = { tokens: [[1, 403, 407, 261, 378]] };
    const [one, two] = await Promise.all([checkpoint, again].map((each) => openSession(each, { device, registry }).forward(batch)));
    expect(two).toEqual(one);
  });

  it.skipIf(text === undefined)("has the likelihood of its protocol on the default device, without a fallback", async () => {
    const device = await openWasm();
    const { checkpoint, session, dispose } = await load(folderFiles(folder!), { device });
    const stories = readFileSync(text!, "utf8")
      .split(/<\|endoftext\|>|\n\n(?=(?:Once|One day|One morning))/)
      .map((piece) => piece.trim())
      .filter((piece) => piece.length > 200);
    expect(stories.length).toBe(212);
    const rows = stories.slice(0, 60).map((piece) => [1, ...checkpoint.tokenizer!.encode(piece)].slice(0, 256));
    const all = (await session.score({ tokens: rows })).flatMap(({ nll }) => [...nll]);
    expect(all.length).toBe(13_622);
    expect(all.reduce((sum, value) => sum + value, 0) / all.length).toBeCloseTo(1.3381, 4);
    await dispose();
    await device.close();
  });

  it("refuses its files cut anywhere", async () => {
    const files = folderFiles(folder!);
    for (const name of ["stories260K.bin", "tok512.bin"]) {
      for (const kept of [0, 20, 5000]) {
        const cut = {
          ...files,
          list: async () => ["stories260K.bin", "tok512.bin"],
          size: async (one: string) => (one === name ? kept : files.size(one)),
        };
        const error: unknown = await loadCheckpoint(cut, registry).catch((thrown: unknown) => thrown);
        expect(isPareError(error) && error.report.file).toContain(name);
      }
    }
  });
});
