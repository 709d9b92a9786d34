import { existsSync, lstatSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRegistry, memoryFiles, readText, type FileSet, type Progress, type SourceOptions } from "@pare/core";
import { openFiles } from "@pare/core/node";
import { openReference } from "@pare/tensor-core";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { builtIn, huggingFaceExporter } from "../src/index.ts";
import { hubSource, load, type HubOptions } from "../src/node.ts";
import { etagOf, hubServer, type HubRepo, type HubServer } from "./hub-server.ts";
import { smallLlama } from "./models.ts";

const COMMIT = "c0ffee".padEnd(40, "0");
const LARGE = Buffer.from(Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) >> 3));
const REPO: HubRepo = {
  commit: COMMIT,
  files: {
    "config.json": '{"a":1}',
    "model.safetensors": LARGE,
    "pytorch_model.bin": LARGE.subarray(1),
    "flax_model.msgpack": "flax",
    "1_Pooling/config.json": "{}",
    "onnx/model.onnx": LARGE.subarray(2),
  },
};

let cache: string;
beforeEach(() => {
  for (const name of ["HF_TOKEN", "HF_ENDPOINT", "HF_HUB_CACHE", "HF_HOME", "HF_HUB_OFFLINE"]) vi.stubEnv(name, "");
  cache = mkdtempSync(join(tmpdir(), "pare-hub-"));
  onTestFinished(() => rmSync(cache, { recursive: true, force: true }));
});
afterEach(() => vi.unstubAllEnvs());

function open(server: HubServer, reference: string, given: SourceOptions = {}, options: HubOptions = {}): Promise<FileSet> {
  return hubSource({ endpoint: server.endpoint, cache, ...options }).open(reference, given);
}

const inRepo = (...parts: string[]): string => join(cache, "models--acme--tiny", ...parts);
const code = (name: string): object => expect.objectContaining({ code: name });

describe("fetching", () => {
  test("only what is read is fetched, into the cache of the Hub's clients", async () => {
    const server = await hubServer({ "acme/tiny": REPO });
    const files = await open(server, "acme/tiny");
    expect(files.location).toBe(`hub:acme/tiny@${COMMIT}`);
    expect(await files.list()).toEqual(Object.keys(REPO.files).sort());
    expect(await files.list("onnx")).toEqual(["onnx/model.onnx"]);
    expect(await files.size("pytorch_model.bin")).toBe(99_999);
    expect(server.asked).toEqual([]);
    const parts = await Promise.all([files.read("model.safetensors", 10, 20), files.read("model.safetensors", 0, 2)]);
    expect(Buffer.concat(parts)).toEqual(Buffer.concat([LARGE.subarray(10, 20), LARGE.subarray(0, 2)]));
    expect(await readText(files, "config.json")).toBe('{"a":1}');
    expect(await readText(files, "1_Pooling/config.json")).toBe("{}");
    expect(server.asked.map(({ path }) => path)).toEqual(["model.safetensors", "config.json", "1_Pooling/config.json"]);
    expect(readFileSync(inRepo("refs/main"), "utf8")).toBe(COMMIT);
    const pointer = inRepo("snapshots", COMMIT, "model.safetensors");
    expect(lstatSync(pointer).isSymbolicLink()).toBe(true);
    expect(readlinkSync(pointer)).toBe(join("..", "..", "blobs", etagOf(LARGE)));
    expect(readFileSync(inRepo("blobs", etagOf(Buffer.from("{}"))), "utf8")).toBe("{}");
    await expect(files.read("model.safetensor")).rejects.toMatchObject({
      code: "core/file-missing",
      report: { near: ["model.safetensors"] },
    });
    await expect(files.write("x", [])).rejects.toThrow(code("core/read-only"));
  });

  test("what is in the cache is not asked for again; of a commit nothing is", async () => {
    const server = await hubServer({ "acme/tiny": REPO });
    await (await open(server, "acme/tiny")).read("model.safetensors");
    const [asked, requests] = [server.asked.length, server.requests.length];
    expect(Buffer.from(await (await open(server, "acme/tiny")).read("model.safetensors"))).toEqual(LARGE);
    expect(server.asked.length).toBe(asked);
    expect(server.requests.slice(requests)).toEqual([`/api/models/acme/tiny/revision/main`]);
    await (await open(server, `acme/tiny@${COMMIT}`)).read("model.safetensors");
    expect(server.requests.length).toBe(requests + 1);
  });

  test("a reference names a folder or a file of a repository", async () => {
    const server = await hubServer({ "acme/tiny": REPO });
    expect(await (await open(server, "acme/tiny@main/onnx")).list()).toEqual(["model.onnx"]);
    const one = await open(server, "acme/tiny/onnx/model.onnx");
    expect(await one.list()).toEqual(["model.onnx"]);
    expect((await one.read("model.onnx", 0, 5)).length).toBe(5);
    const top = await open(server, "acme/tiny/config.json");
    expect([await top.list(), await readText(top, "config.json")]).toEqual([["config.json"], '{"a":1}']);
    await expect(open(server, "acme/tiny/onx")).rejects.toThrow(code("models/hub-not-found"));
  });

  test("progress counts bytes of a file", async () => {
    const server = await hubServer({ "acme/tiny": REPO });
    const told: Progress[] = [];
    await (await open(server, "acme/tiny", { progress: (one) => told.push(one) })).read("model.safetensors");
    expect(told.at(-1)).toEqual({ done: 100_000, total: 100_000, unit: "bytes", message: "model.safetensors" });
    expect(told.every(({ done }, i) => i === 0 || done > told[i - 1]!.done)).toBe(true);
  });

  test("a token goes to the Hub and not to where it sends on", async () => {
    const server = await hubServer({ "acme/tiny": { ...REPO, private: true } });
    await expect(open(server, "acme/tiny")).rejects.toThrow(code("models/hub-not-found"));
    vi.stubEnv("HF_TOKEN", "hf_right");
    vi.stubEnv("HF_ENDPOINT", `${server.endpoint}/`);
    vi.stubEnv("HF_HUB_CACHE", cache);
    const files = await hubSource().open("acme/tiny");
    await files.read("model.safetensors");
    await files.read("config.json");
    expect(server.asked.map(({ path, token }) => [path, token])).toEqual([
      ["model.safetensors", undefined],
      ["config.json", "Bearer hf_right"],
    ]);
  });
});

describe("what breaks off goes on", () => {
  test("a connection that breaks is taken up where it broke", async () => {
    const server = await hubServer({ "acme/tiny": REPO });
    server.breaks.push(40_000, 20_000);
    expect(Buffer.from(await (await open(server, "acme/tiny")).read("model.safetensors"))).toEqual(LARGE);
    const ranges = server.asked.map(({ range }) => range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges.slice(1).map((range) => Number(/^bytes=(\d+)-99999$/.exec(range!)![1]))).toEqual([40_000, 60_000]);
  });

  test("an abort keeps what came; the next run fetches the rest, and no name is given before", async () => {
    const server = await hubServer({ "acme/tiny": REPO });
    const controller = new AbortController();
    const partial = inRepo("blobs", `${etagOf(LARGE)}.incomplete`);
    const arrived = (count: number): Promise<void> =>
      vi.waitFor(() => expect(existsSync(partial) && lstatSync(partial).size).toBeGreaterThanOrEqual(count));
    server.onPiece = async (sent) => {
      if (sent < 49_152) return;
      await arrived(sent);
      controller.abort(new Error("Ctrl-C"));
      await new Promise((done) => setTimeout(done, 50));
    };
    const files = await open(server, "acme/tiny", { signal: controller.signal });
    await expect(files.read("model.safetensors")).rejects.toThrow("Ctrl-C");
    expect(readdirSync(inRepo("blobs"))).toEqual([`${etagOf(LARGE)}.incomplete`]);
    expect(existsSync(inRepo("snapshots", COMMIT, "model.safetensors"))).toBe(false);
    const kept = lstatSync(partial).size;
    expect(kept).toBeGreaterThanOrEqual(49_152);
    server.onPiece = undefined;
    expect(Buffer.from(await (await open(server, "acme/tiny")).read("model.safetensors"))).toEqual(LARGE);
    expect(server.asked.at(-1)!.range).toBe(`bytes=${kept}-99999`);
    expect(readdirSync(inRepo("blobs"))).toEqual([etagOf(LARGE)]);
  });

  test("a wrong beginning is fetched anew, a wrong file is refused and not kept", async () => {
    const server = await hubServer({ "acme/tiny": REPO });
    const files = await open(server, "acme/tiny");
    server.spoil = (content) => Buffer.concat([content.subarray(1), content.subarray(0, 1)]);
    await expect(files.read("model.safetensors")).rejects.toThrow(code("models/hub-corrupted"));
    await expect(files.read("config.json")).rejects.toThrow(code("models/hub-corrupted"));
    server.spoil = (content) => Buffer.concat([content, content]);
    await expect(files.read("config.json")).rejects.toThrow(/hub-(corrupted|unreachable)/);
    expect(readdirSync(inRepo("blobs"))).toEqual([]);
    server.spoil = undefined;
    writeFileSync(inRepo("blobs", `${etagOf(LARGE)}.incomplete`), Buffer.alloc(60_000));
    expect(Buffer.from(await files.read("model.safetensors"))).toEqual(LARGE);
    expect(server.asked.slice(-2).map(({ range }) => range)).toEqual(["bytes=60000-99999", undefined]);
  });

  test("a blob that lost bytes is fetched again; offline it is refused", async () => {
    const server = await hubServer({ "acme/tiny": REPO });
    await (await open(server, "acme/tiny")).read("model.safetensors");
    writeFileSync(inRepo("blobs", etagOf(LARGE)), LARGE.subarray(0, 10));
    await expect((await open(server, "acme/tiny", { offline: true })).read("model.safetensors")).rejects.toThrow(
      code("models/hub-corrupted"),
    );
    expect(Buffer.from(await (await open(server, "acme/tiny")).read("model.safetensors"))).toEqual(LARGE);
  });
});

describe("offline", () => {
  test("takes what was fetched, and names what was not", async () => {
    const server = await hubServer({ "acme/tiny": REPO });
    await expect(open(server, "acme/tiny", { offline: true })).rejects.toThrow(code("models/hub-not-cached"));
    await (await open(server, "acme/tiny")).read("model.safetensors");
    const before = server.requests.length;
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    const files = await open(server, "acme/tiny");
    expect(Buffer.from(await files.read("model.safetensors"))).toEqual(LARGE);
    await expect(files.read("config.json")).rejects.toMatchObject({
      code: "models/hub-not-cached",
      report: { message: expect.stringContaining("config.json") },
    });
    await expect(open(server, "acme/tiny@v2")).rejects.toThrow(code("models/hub-not-cached"));
    expect(server.requests.length).toBe(before);
  });

  test("takes what another client fetched, which keeps no list of a commit", async () => {
    const server = await hubServer({ "acme/tiny": REPO });
    await (await open(server, "acme/tiny")).read("config.json");
    rmSync(inRepo("pare"), { recursive: true });
    const files = await open(server, "acme/tiny", { offline: true });
    expect(await files.list()).toEqual(["config.json"]);
    expect(await readText(files, "config.json")).toBe('{"a":1}');
    await expect(files.write("x", [])).rejects.toThrow(code("core/read-only"));
  });
});

describe("refusals", () => {
  test.each([
    ["acme/none", "models/hub-not-found", "repository"],
    ["acme/tiny@v9", "models/hub-not-found", "revision"],
    ["acme/tiny/none.json", "models/hub-not-found", "file"],
  ])("%s", async (reference, expected, word) => {
    const server = await hubServer({ "acme/tiny": REPO });
    await expect(open(server, reference)).rejects.toMatchObject({ code: expected, report: { message: expect.stringContaining(word) } });
  });

  test.each([
    "",
    "acme",
    "acme/",
    "/tiny",
    "acme/tiny/../x",
    "acme/tiny@",
    "acme/..",
    "a--b/c",
    "acme/tiny@%2E%2E%2Fx",
    "acme/tiny@%",
    "../x/y",
  ])("the reference %j names nothing", async (reference) => {
    const source = hubSource({ cache, endpoint: "http://127.0.0.1:9" });
    // A name alone is one of the Hub's first days.
    const expected = reference === "acme" ? "models/hub-unreachable" : "models/hub-reference-invalid";
    await expect(source.open(reference)).rejects.toThrow(code(expected));
    expect(readdirSync(cache)).toEqual([]);
  });

  test("gated repositories, wrong tokens, servers that fail or are not there", async () => {
    const server = await hubServer({ "acme/tiny": { ...REPO, gated: true } });
    const files = await open(server, "acme/tiny");
    await expect(files.read("model.safetensors")).rejects.toThrow(code("models/hub-gated"));
    await expect(open(server, "acme/tiny", {}, { token: "wrong" })).rejects.toThrow(code("models/hub-token-invalid"));
    server.status = 503;
    await expect(open(server, "acme/tiny")).rejects.toMatchObject({
      code: "models/hub-unreachable",
      report: { message: expect.stringContaining("503") },
    });
    await expect(files.read("config.json")).rejects.toThrow(code("models/hub-unreachable"));
    const nobody = { ...server, endpoint: "http://127.0.0.1:9" };
    await expect(open(nobody, "acme/tiny")).rejects.toMatchObject({
      code: "models/hub-unreachable",
      report: { message: expect.stringContaining("fetch failed") },
    });
  });

  test("a repository whose names would leave the cache", async () => {
    const server = await hubServer({ "acme/tiny": { commit: COMMIT, files: { "../../evil": "x" } } });
    await expect(open(server, "acme/tiny")).rejects.toThrow(code("core/file-name-invalid"));
    const odd = await hubServer({ "acme/tiny": { commit: "../../../evil", files: {} } });
    await expect(open(odd, "acme/tiny")).rejects.toThrow(code("models/hub-unreachable"));
  });
});

test("a model runs by its name, a second time offline, with nothing fetched that it does not read", async () => {
  const folder = memoryFiles();
  const registry = createRegistry(...builtIn);
  await huggingFaceExporter.define.write(smallLlama(), { files: folder, registry });
  const names = await folder.list();
  const files = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await folder.read(name)] as const)));
  const server = await hubServer({
    "acme/tiny": { commit: COMMIT, files: { ...files, "pytorch_model.bin": LARGE, "tf_model.h5": LARGE } },
  });
  const plugins = createRegistry(...builtIn, hubSource({ endpoint: server.endpoint, cache }));
  const device = openReference();
  const texts: string[] = [];
  for (const offline of [false, true]) {
    const model = await load("hub:acme/tiny", { device, registry: plugins, offline });
    const logits = await model.session.forward({ tokens: [[1, 2, 3]] });
    texts.push(JSON.stringify([...(logits.data as Float32Array)]));
    await model.dispose();
  }
  expect(texts[1]).toBe(texts[0]);
  expect(server.asked.map(({ path }) => path)).not.toContain("pytorch_model.bin");
  expect(server.asked.map(({ path }) => path)).not.toContain("tf_model.h5");
  expect((await openFiles("hub:acme/tiny", { registry: plugins, offline: true })).location).toContain(COMMIT);
});
