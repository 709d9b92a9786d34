/** GGUF: what is written is read again; what contradicts itself is refused before memory is taken. */
import { memoryFiles, type FileSet } from "@pare/core";
import { affineWeight, toF16, type AffineParts } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import {
  blocksOf,
  readGguf,
  writeGguf,
  ggufFields,
  type GgufContent,
  type GgufOutput,
  type GgufType,
  type GgufValue,
} from "../src/index.ts";

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

function output(name: string, type: GgufType, shape: number[], bytes: Uint8Array): GgufOutput {
  return { name, type, shape, bytes: () => once(bytes) };
}

const VALUES: readonly (readonly [string, GgufValue])[] = [
  ["general.architecture", { kind: "string", value: "thing" }],
  ["a.u8", { kind: "u8", value: 200 }],
  ["a.i8", { kind: "i8", value: -100 }],
  ["a.u16", { kind: "u16", value: 60_000 }],
  ["a.i16", { kind: "i16", value: -30_000 }],
  ["a.u32", { kind: "u32", value: 4e9 }],
  ["a.i32", { kind: "i32", value: -2e9 }],
  ["a.f32", { kind: "f32", value: 0.5 }],
  ["a.bool", { kind: "bool", value: true }],
  ["a.u64", { kind: "u64", value: 2n ** 63n }],
  ["a.i64", { kind: "i64", value: -(2n ** 62n) }],
  ["a.f64", { kind: "f64", value: Math.PI }],
  ["a.pieces", { kind: "array", of: "string", values: ["", "▁a", "🦜"] }],
  ["a.numbers", { kind: "array", of: "f32", values: [1, 2, 0.25] }],
];

const floats = Float32Array.from({ length: 6 }, (_, index) => index / 4);
const content: GgufContent = {
  metadata: new Map(VALUES),
  tensors: [
    output("matrix", "f32", [2, 3], new Uint8Array(floats.buffer)),
    output("half", "f16", [3], new Uint8Array(Uint16Array.from([1, -2, 0.5], toF16).buffer)),
    output("odd", "f32", [1], new Uint8Array(new Float32Array([7]).buffer)),
  ],
};

async function bytesOf(given: GgufContent = content): Promise<Uint8Array> {
  const files = memoryFiles();
  await writeGguf(files, "m.gguf", given);
  return files.read("m.gguf");
}

function holding(bytes: Uint8Array): FileSet {
  return memoryFiles({ "m.gguf": bytes }, "folder");
}

describe("gguf", () => {
  it("reads what it wrote: every kind of value, tensors in their own types", async () => {
    const { metadata, tensors, file } = await readGguf(holding(await bytesOf()), "m.gguf");
    expect(file).toBe("folder/m.gguf");
    expect([...metadata]).toEqual(VALUES);
    expect([...tensors].map(([name, { type, shape }]) => [name, type, shape])).toEqual([
      ["matrix", "f32", [2, 3]],
      ["half", "f16", [3]],
      ["odd", "f32", [1]],
    ]);
    expect((await tensors.get("matrix")!.dense!.read()).data).toEqual(floats);
    expect((await tensors.get("matrix")!.rows(1, 2).dense!.read()).data).toEqual(floats.slice(3));
    expect((await tensors.get("odd")!.dense!.read()).data).toEqual(new Float32Array([7]));
  });

  it.each(["q8_0", "q4_0"] as const)(
    "reads %s as affine codes of the same numbers, and writes those codes as the same bytes",
    async (type) => {
      const blocks = 4;
      const size = type === "q8_0" ? 34 : 18;
      const bytes = Uint8Array.from({ length: blocks * size }, (_, index) => (index * 73 + 11) % 256);
      const scales = [0.5, -0.125, 3, 2 ** -20];
      scales.forEach((scale, block) => new DataView(bytes.buffer).setUint16(block * size, toF16(scale), true));
      const files = holding(await bytesOf({ metadata: new Map(), tensors: [output("w", type, [2, 64], bytes)] }));
      const tensor = (await readGguf(files, "m.gguf")).tensors.get("w")!;
      const dense = (await affineWeight(tensor.affine as AffineParts).dense()).data;
      // By the definition of the format, number by number.
      const expected = Float32Array.from({ length: 128 }, (_, at) => {
        const [block, place] = [Math.floor(at / 32), at % 32];
        const base = block * size + 2;
        const q4 = place < 16 ? bytes[base + place]! & 15 : bytes[base + place - 16]! >> 4;
        return scales[block]! * (type === "q8_0" ? (bytes[base + place]! << 24) >> 24 : q4 - 8);
      });
      expect(dense).toEqual(expected);
      const { codes, scales: stored } = tensor.affine!;
      const halves = Uint16Array.from((await stored.read()).data as Float32Array, toF16);
      expect(blocksOf(type, (await codes.read()).data as Uint8Array, halves)).toEqual(bytes);
      const second = (await affineWeight(tensor.rows(1, 2).affine!).dense()).data;
      expect(second).toEqual(expected.slice(64));
    },
  );

  it("refuses counts, lengths and sizes that the file has no room for, without taking memory for them", async () => {
    const bytes = await bytesOf();
    const refused = async (at: number, value: bigint, field: RegExp): Promise<void> => {
      const broken = bytes.slice();
      new DataView(broken.buffer).setBigUint64(at, value, true);
      await expect(readGguf(holding(broken), "m.gguf")).rejects.toMatchObject({
        code: "formats/gguf-invalid",
        report: { file: "folder/m.gguf", field: expect.stringMatching(field) },
      });
    };
    await refused(8, 2n ** 60n, /tensor count/);
    await refused(16, 2n ** 60n, /key count/);
    await refused(24, 2n ** 60n, /key 0/);
    await refused(8, 2n ** 64n - 1n, /tensor count/);
    const pieces = { kind: "array", of: "string", values: ["a"] } as const;
    const list = await bytesOf({ metadata: new Map([["k", pieces]]), tensors: [] });
    new DataView(list.buffer).setBigUint64(24 + 8 + 1 + 4 + 4, 2n ** 60n, true);
    await expect(readGguf(holding(list), "m.gguf")).rejects.toMatchObject({ code: "formats/gguf-invalid", report: { field: "k" } });
  });

  it("refuses other files, versions, types, and files that end early or go on", async () => {
    const bytes = await bytesOf();
    const code = async (given: Uint8Array): Promise<string> =>
      readGguf(holding(given), "m.gguf").then(
        () => "read",
        (error: { code: string }) => error.code,
      );
    const changed = (at: number, value: number): Uint8Array => {
      const copy = bytes.slice();
      new DataView(copy.buffer).setUint32(at, value, true);
      return copy;
    };
    expect(await code(changed(0, 0x46554746))).toBe("formats/gguf-invalid");
    expect(await code(changed(4, 1))).toBe("formats/gguf-version-unsupported");
    expect(await code(changed(4, 3 << 24))).toBe("formats/gguf-version-unsupported");
    expect(await code(bytes.slice(0, 100))).toBe("formats/gguf-invalid");
    expect(await code(bytes.slice(0, 600))).toBe("formats/file-truncated");
    expect(await code(bytes.slice(0, bytes.length - 32))).toBe("formats/file-truncated");
    expect(await code(new Uint8Array([...bytes, ...new Uint8Array(32)]))).toBe("formats/gguf-invalid");
    expect(await code(new Uint8Array())).toBe("formats/file-truncated");
    // The type stands behind the name (8 + 6), the count of dimensions and two sizes.
    const entry = new TextDecoder("latin1").decode(bytes).indexOf("matrix") + 6 + 4 + 16;
    expect(await code(changed(entry, 12))).toBe("formats/gguf-type-unsupported");
    const error: Error = await readGguf(holding(changed(entry, 14)), "m.gguf").then(
      () => new Error("read"),
      (thrown: Error) => thrown,
    );
    expect(error.message).toMatch(/q6_K[^]*llama-quantize/);
  });

  it("gives metadata by the kinds that are asked for", async () => {
    const fields = ggufFields({ file: "m.gguf", metadata: content.metadata });
    expect(fields.integer("a.u32")).toBe(4e9);
    expect(fields.perLayer("a.u8", 3)).toEqual([200, 200, 200]);
    expect(fields.integer("none", 4)).toBe(4);
    expect(fields.numbers("a.numbers")).toEqual([1, 2, 0.25]);
    for (const wrong of [
      () => fields.integer("a.u64"),
      () => fields.string("a.u8"),
      () => fields.integer("none"),
      () => fields.strings("a.numbers"),
    ])
      expect(wrong).toThrowError(/formats\/gguf-invalid/);
  });
});
