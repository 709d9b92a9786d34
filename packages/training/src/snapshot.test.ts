import { memoryFiles } from "@pare/core";
import { f32, type HostTensor } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { readSnapshot, writeSnapshot } from "./snapshot.ts";

const states: Record<string, HostTensor> = { "a/b": f32([2, 2], [1, -0, NaN, 1e-45]), s: f32([], [7]), none: f32([0], []) };
const write = async (files = memoryFiles()) => {
  const shapes = Object.entries(states).map(([name, { shape }]) => ({ name, shape }));
  await writeSnapshot(files, { step: 12, notes: { seen: ["x"] }, states: shapes }, (name) => Promise.resolve(states[name]));
  return files;
};

describe("snapshot", () => {
  it("gives back every bit", async () => {
    const found = await readSnapshot(await write());
    expect(found).toMatchObject({ step: 12, notes: { seen: ["x"] } });
    expect([...found!.states.keys()]).toEqual(Object.keys(states));
    for (const [name, { shape, data }] of Object.entries(states)) {
      expect(found!.states.get(name)!.shape).toEqual(shape);
      expect(new Uint32Array(found!.states.get(name)!.data.slice().buffer)).toEqual(new Uint32Array(data.slice().buffer));
    }
  });

  it("is undefined where none was written", async () => {
    expect(await readSnapshot(memoryFiles())).toBeUndefined();
  });

  it("refuses every truncation", async () => {
    const bytes = await (await write()).read("training.snapshot");
    for (let length = 0; length < bytes.length; length += 3) {
      await expect(readSnapshot(memoryFiles({ "training.snapshot": bytes.slice(0, length) }))).rejects.toThrow(
        /training\/snapshot-invalid/,
      );
    }
  });

  it("refuses a header that is no JSON, or holds what no run writes", async () => {
    const bytes = await (await write()).read("training.snapshot");
    const begin = new TextDecoder().decode(bytes).indexOf("{");
    const states = new TextDecoder().decode(bytes).indexOf('"states"');
    for (const [at, byte] of [
      [begin, 0x5b],
      [states + 1, 0x53],
    ] as const) {
      const damaged = bytes.slice();
      damaged[at] = byte;
      await expect(readSnapshot(memoryFiles({ "training.snapshot": damaged }))).rejects.toMatchObject({
        code: "training/snapshot-invalid",
      });
    }
  });
});
