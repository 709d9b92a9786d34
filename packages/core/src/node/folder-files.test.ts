import { mkdir, mkdtemp, open, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readText, writeText } from "../files.ts";
import { folderFiles, pathFiles } from "./folder-files.ts";

const code = (name: string): object => expect.objectContaining({ code: name });
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "pare-files-"));
});
afterEach(async () => rm(root, { recursive: true, force: true }));

test("files are written, listed, read by ranges and removed", async () => {
  const files = folderFiles(root);
  await writeText(files, "a/b/c.txt", "abcdef");
  await writeText(files, "z", "1");
  expect(await files.list()).toEqual(["a/b/c.txt", "z"]);
  expect(await files.list("a")).toEqual(["a/b/c.txt"]);
  expect(await files.list("none")).toEqual([]);
  expect(await files.size("a/b/c.txt")).toBe(6);
  expect(new TextDecoder().decode(await files.read("a/b/c.txt", 2, 4))).toBe("cd");
  await expect(files.read("z", 0, 2)).rejects.toThrow(code("core/range-outside-file"));
  await expect(files.read("y")).rejects.toThrow(code("core/file-missing"));
  await files.remove("z");
  await files.remove("z");
  expect(await files.list()).toEqual(["a/b/c.txt"]);
});

test("a write that breaks off leaves the old file and no other", async () => {
  const files = folderFiles(root);
  await writeText(files, "model", "old");
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(1000);
    expect((await readdir(root)).length).toBe(2);
    expect(await files.list()).toEqual(["model"]);
    throw new Error("cut off");
  };
  await expect(files.write("model", broken())).rejects.toThrow("cut off");
  expect(await readText(files, "model")).toBe("old");
  expect(await readdir(root)).toEqual(["model"]);
});

test.each(["../outside", "a/../../outside", "/etc/hostname", "a//b", "C:/x", "a\\b", ""])("the name %j is refused", async (name) => {
  const files = folderFiles(join(root, "inside"), { create: true });
  await expect(files.read(name)).rejects.toThrow(code("core/file-name-invalid"));
  await expect(writeText(files, name, "x")).rejects.toThrow(code("core/file-name-invalid"));
  await expect(files.remove(name)).rejects.toThrow(code("core/file-name-invalid"));
  expect(await readdir(root)).toEqual([]);
});

test("a folder that does not exist is an error, unless it is to be made", async () => {
  const path = join(root, "none");
  await expect(folderFiles(path).list()).rejects.toThrow(code("core/folder-missing"));
  const made = folderFiles(path, { create: true });
  expect(await made.list()).toEqual([]);
  await writeText(made, "a", "1");
  expect(await folderFiles(path).list()).toEqual(["a"]);
});

test("links to files are followed, as in model caches; folders and dead links are no files", async () => {
  await mkdir(join(root, "blobs"));
  await mkdir(join(root, "model"));
  await writeFile(join(root, "blobs/1"), "x");
  await symlink("../blobs/1", join(root, "model/weights"));
  await symlink("../blobs/2", join(root, "model/dead"));
  const files = folderFiles(join(root, "model"));
  expect(await files.list()).toEqual(["weights"]);
  expect(await readText(files, "weights")).toBe("x");
});

test("a folder where a file should be written is refused, and named", async () => {
  const files = folderFiles(root);
  await writeText(files, "a/b", "1");
  await expect(writeText(files, "a", "2")).rejects.toThrow(code("core/file-unwritable"));
  await expect(files.remove("a")).rejects.toThrow(code("core/file-unwritable"));
  expect(await files.list()).toEqual(["a/b"]);
});

test("bytes past 4 GiB are read by ranges", async () => {
  const at = 5 * 2 ** 30;
  const file = await open(join(root, "big"), "w");
  await file.write(Uint8Array.of(1, 2, 3), 0, 3, at);
  await file.close();
  const files = folderFiles(root);
  expect(await files.size("big")).toBe(at + 3);
  expect([...(await files.read("big", at - 1, at + 2))]).toEqual([0, 1, 2]);
});

test("a path is the folder, or the one file alone", async () => {
  await writeText(folderFiles(root), "a.gguf", "1");
  await writeText(folderFiles(root), "b", "2");
  expect(await (await pathFiles(root)).list()).toEqual(["a.gguf", "b"]);
  const one = await pathFiles(join(root, "a.gguf"));
  expect(await one.list()).toEqual(["a.gguf"]);
  expect(await readText(one, "a.gguf")).toBe("1");
  await expect(one.read("b")).rejects.toThrow(code("core/file-missing"));
  await expect(writeText(one, "a.gguf", "3")).rejects.toThrow(code("core/read-only"));
  await expect(pathFiles(join(root, "c"))).rejects.toThrow(code("core/folder-missing"));
  await symlink("loop", join(root, "loop"));
  await expect(pathFiles(join(root, "loop"))).rejects.toThrow(code("core/file-unreadable"));
});
