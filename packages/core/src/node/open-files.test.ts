import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { memoryFiles, writeText } from "../files.ts";
import { API_VERSION, type Source, type SourceOptions } from "../plugin.ts";
import { createRegistry } from "../registry.ts";
import { folderFiles } from "./folder-files.ts";
import { openFiles } from "./open-files.ts";

test("a name is a path or what a registered source knows by its scheme", async () => {
  const root = await mkdtemp(join(tmpdir(), "pare-open-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await writeText(folderFiles(join(root, "model")), "config.json", "{}");
  await writeText(folderFiles(join(root, "shelf:of")), "config.json", "{}");
  const asked: unknown[] = [];
  const shelf: Source<"shelf"> = {
    kind: "source",
    id: "shelf",
    version: 1,
    apiVersion: API_VERSION,
    package: "acme",
    open: async (reference: string, options?: SourceOptions) => {
      asked.push([reference, options]);
      return memoryFiles({ a: "1" });
    },
  };
  const registry = createRegistry(shelf);
  expect(await (await openFiles("model", { registry, cwd: root })).list()).toEqual(["config.json"]);
  expect(await (await openFiles("./shelf:of", { registry, cwd: root })).list()).toEqual(["config.json"]);
  expect(await (await openFiles("shelf:of/books@2", { registry, offline: true })).list()).toEqual(["a"]);
  expect(asked).toEqual([["of/books@2", { offline: true }]]);
  await expect(openFiles("shlf:of", { registry })).rejects.toMatchObject({ code: "core/plugin-unknown", report: { near: ["shelf"] } });
  await expect(openFiles("C:/none", { registry, cwd: root })).rejects.toMatchObject({ code: "core/folder-missing" });
});
