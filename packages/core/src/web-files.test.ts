import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readText } from "./files.ts";
import { blobFiles, urlFiles } from "./web-files.ts";

const code = (name: string): object => expect.objectContaining({ code: name });
const CONTENT = "abcdefgh";

describe.each([true, false])("a server that gives ranges: %s", (ranges) => {
  let server: Server;
  let base: string;
  const asked: string[] = [];
  beforeAll(async () => {
    server = createServer(({ url, headers }, response) => {
      asked.push(`${url} ${headers.range ?? "whole"}`);
      if (url === "/m/broken") return response.writeHead(500).end();
      if (url !== "/m/a%20b") return response.writeHead(404).end();
      const range = /bytes=(\d+)-(\d+)/.exec(headers.range ?? "");
      if (!ranges || range === null) return response.end(CONTENT);
      const [begin, last] = [Number(range[1]), Number(range[2])];
      response.writeHead(206, { "content-range": `bytes ${begin}-${last}/${CONTENT.length}` });
      return response.end(CONTENT.slice(begin, last + 1));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/m/`;
  });
  afterAll(() => void server.close());

  test("sizes and ranges", async () => {
    const files = urlFiles(base, ["a b", "gone", "broken"]);
    expect(await files.size("a b")).toBe(8);
    expect(new TextDecoder().decode(await files.read("a b", 2, 5))).toBe("cde");
    expect(await files.read("a b", 3, 3)).toHaveLength(0);
    expect(await readText(files, "a b")).toBe(CONTENT);
    expect(asked.filter((line) => line.startsWith("/m/a%20b"))).toHaveLength(ranges ? 3 : 1);
    await expect(files.read("a b", 4, 9)).rejects.toThrow(code("core/range-outside-file"));
  });

  test("what is not there, or not told, is named", async () => {
    const files = urlFiles(base, ["a b", "gone", "broken"]);
    await expect(files.size("gone")).rejects.toThrow(code("core/file-missing"));
    await expect(files.read("a c")).rejects.toThrow(expect.objectContaining({ report: expect.objectContaining({ near: ["a b"] }) }));
    await expect(files.size("broken")).rejects.toThrow(code("core/file-unreadable"));
    await expect(files.write("x", [])).rejects.toThrow(code("core/read-only"));
    expect(() => urlFiles(base, ["../x"])).toThrow(code("core/file-name-invalid"));
  });
});

test("a server that cannot be reached", async () => {
  await expect(urlFiles("http://127.0.0.1:1", ["a"]).size("a")).rejects.toThrow(code("core/file-unreadable"));
});

test("blobs are read by ranges", async () => {
  const files = blobFiles({ "model/a": new Blob([CONTENT]) });
  expect(await files.list()).toEqual(["model/a"]);
  expect(await files.size("model/a")).toBe(8);
  expect(new TextDecoder().decode(await files.read("model/a", 6))).toBe("gh");
  await expect(files.read("model/a", 4, 9)).rejects.toThrow(code("core/range-outside-file"));
  await expect(files.read("model/b")).rejects.toThrow(code("core/file-missing"));
  await expect(files.write("x", [])).rejects.toThrow(code("core/read-only"));
});
