import { fileUnwritable, memoryFiles, readText, type MutableFileSet, type RunEvent } from "@pare/core";
import { toCsr } from "@pare/sparse-kernels";
import { f32, openReference, uniform, type Choice } from "@pare/tensor-core";
import { expect, it } from "vitest";
import { openChooser } from "./open-chooser.ts";

const device = openReference();
const name = `timings-${device.variant}.json`;
const stored = toCsr(
  f32(
    [8, 8],
    uniform(1, 0, 64).map((value) => (value < 0.5 ? 0 : value)),
  ),
);
const choice: Choice = { weight: "w", stored, use: "linear", rows: 4, candidates: stored.candidates("linear") };

async function choose(files: MutableFileSet): Promise<{ readonly why: string; readonly events: readonly RunEvent[] }> {
  const events: RunEvent[] = [];
  const chooser = await openChooser(device, files, (event) => events.push(event));
  return { why: (await chooser(choice)).why, events };
}

it("keeps what it measured, so that the next command chooses alike without measuring", async () => {
  const files = memoryFiles();
  const first = await choose(files);
  const kept = await readText(files, name);
  expect(Object.values(JSON.parse(kept))).toEqual([{ sparse: expect.any(Number), dense: expect.any(Number) }]);
  expect(await choose(files)).toEqual(first);
  expect(await readText(files, name)).toBe(kept);
  expect(first.events).toEqual([]);
});

it.each(["{", "[]", '{ "reference": { "sparse": 1 } }'])("says that %s is no table of timings, and measures again", async (damaged) => {
  const files = memoryFiles({ [name]: damaged });
  const { events } = await choose(files);
  expect(events).toEqual([{ type: "warning", message: `memory/${name} is damaged; dense and sparse are timed again` }]);
  expect((await choose(files)).events).toEqual([]);
});

it("chooses in a folder that cannot be written, and says so", async () => {
  const files: MutableFileSet = { ...memoryFiles(), write: () => Promise.reject(fileUnwritable({ file: "full", cause: undefined })) };
  const { events } = await choose(files);
  expect(events).toEqual([{ type: "warning", message: expect.stringContaining("not kept") }]);
});
