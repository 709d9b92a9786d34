import { isPareError, memoryFiles, type MutableFileSet } from "@pare/core";
import { DTYPES, allocateArray, byteSize, sizeOf, sourceOf, type DType, type HostTensor } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { readSafetensors, readShardedSafetensors, safetensorsFormat, writeSafetensors, type NamedTensors } from "../src/index.ts";

function tensor(dtype: DType, shape: readonly number[]): HostTensor {
  const data = allocateArray(dtype, sizeOf(shape));
  const bytes = new Uint8Array(data.buffer);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 37 + 11) % (dtype === "bool" ? 2 : 120);
  return { dtype, shape, data };
}

function content(tensors: Readonly<Record<string, HostTensor>>, metadata: Readonly<Record<string, string>> = {}): NamedTensors {
  return { tensors: new Map(Object.entries(tensors).map(([name, value]) => [name, sourceOf(value)])), metadata };
}

/** A file from a header and the bytes behind it. */
function file(header: unknown, data: number, announced?: bigint): MutableFileSet {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, announced ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return memoryFiles({ "model.safetensors": bytes }, "folder");
}

const entry = (begin: number, end: number, shape: readonly number[] = [(end - begin) / 4], dtype = "F32"): object => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe("safetensors", () => {
  it("gives back every dtype, shape and byte it wrote, and the metadata", async () => {
    const written = Object.fromEntries(DTYPES.map((dtype, index) => [`t.${dtype}`, tensor(dtype, [index % 4, 3])]));
    const files = memoryFiles();
    await writeSafetensors(files, content({ ...written, scalar: tensor("f32", []) }, { note: "größe", a: "" }));
    const read = await readSafetensors(files);
    expect(read.metadata).toEqual({ note: "größe", a: "" });
    expect(read.tensors.size).toBe(DTYPES.length + 1);
    for (const [name, value] of Object.entries(written)) expect(await read.tensors.get(name)!.read()).toEqual(value);
  });

  it("writes the same bytes whatever the order, every tensor aligned to its element", async () => {
    const tensors = { b: tensor("u8", [3]), a: tensor("f32", [5]), c: tensor("f64", [1]), d: tensor("f16", [3]) };
    const [one, two] = [memoryFiles(), memoryFiles()];
    await writeSafetensors(one, content(tensors, { x: "1", y: "2" }));
    await writeSafetensors(two, content(Object.fromEntries(Object.entries(tensors).reverse()), { y: "2", x: "1" }));
    const bytes = await one.read("model.safetensors");
    expect(await two.read("model.safetensors")).toEqual(bytes);
    const size = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(size % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size))) as Record<string, { data_offsets: [number, number] }>;
    for (const [name, { dtype }] of Object.entries(tensors)) expect(header[name]!.data_offsets[0] % byteSize(dtype)).toBe(0);
  });

  it("reads the header alone until a tensor is used, and then that tensor alone", async () => {
    const files = memoryFiles();
    await writeSafetensors(files, content({ a: tensor("f32", [1000]), b: tensor("f32", [2000]) }));
    const ranges: [number, number][] = [];
    const counting = {
      ...files,
      read: (name: string, begin = 0, end?: number) => (ranges.push([begin, end ?? NaN]), files.read(name, begin, end)),
    };
    const { tensors } = await readSafetensors(counting);
    const header = ranges.splice(0).reduce((sum, [begin, end]) => sum + end - begin, 0);
    expect(header).toBeLessThan(300);
    await tensors.get("b")!.read();
    expect(ranges.map(([begin, end]) => end - begin)).toEqual([8000]);
  });

  it("takes nothing that it was not given: a source that changes its mind stops the write", async () => {
    const files = memoryFiles();
    const lying = { ...sourceOf(tensor("f32", [4])), shape: [5] };
    await expect(writeSafetensors(files, { tensors: new Map([["a", lying]]), metadata: {} })).rejects.toMatchObject({
      code: "formats/data-changed",
    });
    expect(await files.list()).toEqual([]);
  });

  it.each([
    ["nothing", memoryFiles({ "model.safetensors": new Uint8Array(5) }, "folder"), "formats/file-truncated", "header size"],
    ["a truncated header", file({ a: entry(0, 4) }, 4, 5000n), "formats/file-truncated", "header"],
    ["a size past any header", file({}, 0, 2n ** 63n), "formats/header-too-large", "header size"],
    ["no JSON", file('{"a":', 0), "formats/header-invalid", "header"],
    [
      "bytes that are not UTF-8",
      memoryFiles({ "model.safetensors": Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0xff) }, "folder"),
      "formats/header-invalid",
      "header",
    ],
    ["a list", file("[1]", 0), "formats/header-invalid", "header"],
    ["a space before the brace", file(" {}", 0), "formats/header-invalid", "header"],
    [
      "a tensor named twice",
      file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
      "formats/header-invalid",
      "header",
    ],
    ["an unknown dtype", file({ a: entry(0, 4, [1], "F8_E4M3") }, 4), "formats/dtype-unsupported", "a.dtype"],
    ["a negative size", file({ a: entry(0, 4, [-1]) }, 4), "formats/header-invalid", "a.shape"],
    ["a size that is no number", file({ a: { dtype: "F32", shape: ["1"], data_offsets: [0, 4] } }, 4), "formats/header-invalid", "a.shape"],
    ["a shape whose product overflows", file({ a: entry(0, 4, [2 ** 40, 2 ** 40]) }, 4), "formats/offsets-invalid", "a.data_offsets"],
    ["an unknown field", file({ a: { ...entry(0, 4), order: 1 } }, 4), "formats/header-invalid", "a"],
    ["offsets past the end", file({ a: entry(0, 4), b: entry(4, 12) }, 8), "formats/offsets-outside-file", "b.data_offsets"],
    [
      "offsets that run backwards",
      file({ a: { dtype: "F32", shape: [1], data_offsets: [4, 0] } }, 4),
      "formats/offsets-invalid",
      "a.data_offsets",
    ],
    ["bytes that do not fit the shape", file({ a: entry(0, 4, [2]) }, 4), "formats/offsets-invalid", "a.data_offsets"],
    ["overlapping tensors", file({ a: entry(0, 8), b: entry(4, 12) }, 12), "formats/tensors-overlap", "b"],
    ["a hole", file({ a: entry(0, 4), b: entry(8, 12) }, 12), "formats/tensors-hole", "b"],
    ["bytes behind the last tensor", file({ a: entry(0, 4) }, 5), "formats/tensors-hole", "a"],
    ["metadata that is no text", file({ __metadata__: { a: 1 } }, 0), "formats/header-invalid", "__metadata__.a"],
  ])("refuses %s, naming file and field", async (_, files, code, field) => {
    const error: unknown = await readSafetensors(files).catch((thrown: unknown) => thrown);
    expect(isPareError(error) && error.toJSON()).toMatchObject({ code, file: "folder/model.safetensors", field });
  });

  it("reads a tensor that lies past 4 GiB by its range", async () => {
    const far = 5 * 2 ** 30;
    const header = new TextEncoder().encode(JSON.stringify({ a: entry(0, far, [far], "U8"), b: entry(far, far + 8) }));
    const prefix = new Uint8Array(8 + header.length);
    new DataView(prefix.buffer).setBigUint64(0, BigInt(header.length), true);
    prefix.set(header, 8);
    const files = {
      ...memoryFiles(),
      size: async () => prefix.length + far + 8,
      read: async (_: string, begin = 0, end = 0) => {
        if (end <= prefix.length) return prefix.slice(begin, end);
        expect([begin, end]).toEqual([prefix.length + far, prefix.length + far + 8]);
        return new Uint8Array(new Float32Array([1, 2]).buffer);
      },
    };
    const { tensors } = await readSafetensors(files);
    expect(await tensors.get("b")!.read()).toEqual({ dtype: "f32", shape: [2], data: new Float32Array([1, 2]) });
  });
});

describe("sharded safetensors", () => {
  async function shards(map: Readonly<Record<string, unknown>>): Promise<MutableFileSet> {
    const files = memoryFiles(
      { "model.safetensors.index.json": JSON.stringify({ metadata: { total_size: 24 }, weight_map: map }) },
      "folder",
    );
    await writeSafetensors(files, content({ a: tensor("f32", [2]) }, { from: "one" }), "one.safetensors");
    await writeSafetensors(files, content({ b: tensor("f32", [4]) }), "two.safetensors");
    return files;
  }

  it("are one model", async () => {
    const files = await shards({ a: "one.safetensors", b: "two.safetensors" });
    expect(await safetensorsFormat.detect(files)).toBe(true);
    const { tensors, metadata } = await safetensorsFormat.read(files);
    expect([...tensors.keys()].sort()).toEqual(["a", "b"]);
    expect((await tensors.get("b")!.read()).data).toEqual(tensor("f32", [4]).data);
    expect(metadata).toEqual({ from: "one" });
  });

  it.each([
    ["a tensor that its shard lacks", { a: "one.safetensors", b: "two.safetensors", c: "two.safetensors" }, "weight_map.c"],
    ["a tensor in another shard", { a: "two.safetensors", b: "two.safetensors" }, "weight_map.a"],
    ["a tensor that the index leaves out", { a: "one.safetensors", c: "two.safetensors" }, "weight_map.b"],
    ["a shard outside the folder", { a: "../one.safetensors" }, "weight_map.a"],
    ["a shard that is no name", { a: 1 }, "weight_map.a"],
  ])("with %s are refused", async (_, map, field) => {
    const files = await shards(map);
    await expect(readShardedSafetensors(files)).rejects.toMatchObject({
      code: "formats/index-invalid",
      report: { file: "folder/model.safetensors.index.json", field },
    });
  });
});
