/** `pare convert`: outputs that appear whole or not at all, and what is refused. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli, temporaryFolder } from "./run-cli.ts";

async function withModel(): Promise<string> {
  const cwd = temporaryFolder();
  expect((await runCli(["create", "tiny", "--out", "model"], { cwd })).code).toBe(0);
  return cwd;
}

test("pare writes the same folder again, and the plugins list it", async () => {
  const cwd = await withModel();
  const ran = await runCli(["convert", "model", "copy", "--json"], { cwd });
  expect(ran.code, ran.err).toBe(0);
  const names = readdirSync(join(cwd, "model"));
  expect(ran.json()).toMatchObject({ from: "model", to: "copy", format: "pare", dryRun: false, changes: [], notes: [] });
  expect(
    ran
      .json()
      .files.map(({ file }: { file: string }) => file)
      .sort(),
  ).toEqual(names.sort());
  for (const { file, bytes } of ran.json().files) {
    const written = readFileSync(join(cwd, "copy", file));
    expect(written).toEqual(readFileSync(join(cwd, "model", file)));
    expect(bytes).toBe(written.length);
  }
  expect((await runCli(["convert", "model", "text"], { cwd })).out).toMatch(/model\.safetensors.* written to text/);
  const { plugins } = (await runCli(["plugins", "--json"], { cwd })).json();
  expect(plugins.filter(({ kind }: { kind: string }) => kind === "exporter")).toContainEqual(
    expect.objectContaining({ id: "pare", package: "@pare/models", options: expect.objectContaining({ type: "object" }) }),
  );
});

test("a dry run writes nothing", async () => {
  const cwd = await withModel();
  const ran = await runCli(["convert", "model", "copy", "--dry-run", "--json"], { cwd });
  expect(ran.json()).toMatchObject({ dryRun: true, files: expect.arrayContaining([{ file: "model.safetensors" }]) });
  expect(readdirSync(cwd)).toEqual(["model"]);
});

test("a folder that stands there is kept, unless it is ours and --force says so", async () => {
  const cwd = await withModel();
  mkdirSync(join(cwd, "theirs"));
  writeFileSync(join(cwd, "theirs", "thesis.txt"), "years of work");
  const theirs = await runCli(["convert", "model", "theirs", "--force", "--json"], { cwd });
  expect(theirs).toMatchObject({ code: 2 });
  expect(theirs.json().error).toMatchObject({ code: "cli/output-occupied", field: "<to>" });
  expect(readdirSync(join(cwd, "theirs"))).toEqual(["thesis.txt"]);
  await runCli(["convert", "model", "copy"], { cwd });
  expect((await runCli(["convert", "model", "copy", "--json"], { cwd })).json().error.code).toBe("cli/output-occupied");
  expect((await runCli(["convert", "model", "copy", "--force"], { cwd })).code).toBe(0);
});

test("names, options and models that do not exist are refused by code", async () => {
  const cwd = await withModel();
  const code = async (...argv: string[]): Promise<unknown> => (await runCli(["convert", ...argv, "--json"], { cwd })).json().error;
  expect(await code("model", "o", "--format", "pear")).toMatchObject({ code: "core/plugin-unknown", near: ["pare"] });
  expect(await code("model", "o", "--options", '{"bits":8}')).toMatchObject({ code: expect.stringMatching(/^core\/option/) });
  expect(await code("nowhere", "o")).toMatchObject({ code: "core/folder-missing" });
  expect(existsSync(join(cwd, "o"))).toBe(false);
});

test("stopped in the middle it leaves nothing", async () => {
  const cwd = await withModel();
  const controller = new AbortController();
  controller.abort();
  const ran = await runCli(["convert", "model", "copy", "--json"], { cwd, signal: controller.signal });
  expect(ran).toMatchObject({ code: 130 });
  expect(readdirSync(cwd)).toEqual(["model"]);
});
