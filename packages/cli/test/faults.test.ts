/** Faults of plugins and of the machine: each ends with its code and its exit code, and leaves nothing behind. */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runCli, temporaryFolder } from "./run-cli.ts";

const TEACHER = fileURLToPath(new URL("../assets/teachers/scan-simple", import.meta.url));

const plugin = (kind: string, id: string, rest: string): string =>
  `Object.assign((options) => ({ use: "${id}", version: 1, options, run }), { kind: "${kind}", id: "${id}", version: 1, apiVersion: 1, package: "acme", ${rest} })`;

/** A folder with a tiny model and a configuration whose stage runs `run`. */
async function folderWith(run: string): Promise<string> {
  const cwd = temporaryFolder();
  const backend = `{ kind: "backend", id: "acme", version: 1, apiVersion: 1, package: "acme", open: async () => null }`;
  writeFileSync(
    join(cwd, "pare.config.mjs"),
    `const run = ${run};\nexport default { plugins: [${plugin("stage", "acme/step", "options: {}")}, ${backend}] };`,
  );
  expect((await runCli(["create", "tiny", "--out", "model"], { cwd })).code).toBe(0);
  return cwd;
}

const compress = ["compress", "model", "--recipe", "r.json", "--out", "out", "--json"];

test.each([
  ["that drops the model", "async () => ({ model: 7 })", { code: "cli/model-lost", field: "model" }, 2],
  [
    "that fails in a way of its own",
    "async () => { throw new Error('acme broke'); }",
    { code: "cli/unexpected", message: "acme broke" },
    1,
  ],
])("a step %s", async (_, run, error, code) => {
  const cwd = await folderWith(run);
  writeFileSync(join(cwd, "r.json"), '[{ "use": "acme/step" }]');
  const ran = await runCli(compress, { cwd });
  expect(ran.code).toBe(code);
  expect(ran.json().error).toMatchObject(error);
  expect(existsSync(join(cwd, "out"))).toBe(false);
  expect(readdirSync(cwd).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("a device that this machine does not have", async () => {
  const cwd = await folderWith("async () => ({})");
  writeFileSync(join(cwd, "r.json"), '[{ "use": "acme/step" }]');
  const ran = await runCli([...compress, "--device", "acme"], { cwd });
  expect(ran.code).toBe(2);
  expect(ran.json().error).toMatchObject({ code: "cli/device-unavailable", found: "acme", expected: expect.stringContaining("wasm") });
});

test("an output folder whose parent is a file", async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "file"), "");
  const ran = await runCli(["create", "tiny", "--out", "file/out", "--json"], { cwd });
  expect(ran.code).toBe(2);
  expect(ran.json().error).toMatchObject({ code: "cli/output-unwritable", field: "--out" });
});

test("an encoder–decoder that is given nothing to read", async () => {
  const ran = await runCli(["generate", TEACHER, "--json"], { cwd: temporaryFolder() });
  expect(ran.code).toBe(2);
  expect(ran.json().error).toMatchObject({ code: "cli/source-missing", field: "--source" });
});

test.each([
  ["a name twice", '{"examples":5,"examples":6}', 'the key "examples" twice'],
  ["the plugin itself", '{"use":"perplexity"}', "use"],
])("--options with %s", async (_, options, found) => {
  const ran = await runCli(["eval", TEACHER, "--suite", "scan/simple", "--options", options, "--json"], { cwd: temporaryFolder() });
  expect(ran.code).toBe(2);
  expect(ran.json().error).toMatchObject({ code: "cli/flag-invalid", field: "--options", found: expect.stringContaining(found) });
});

test("--data of train beside data in --options that says something else", async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "text.txt"), "a b");
  const ran = await runCli(["train", TEACHER, "--out", "out", "--data", "text.txt", "--options", '{"data":"other.txt"}', "--json"], {
    cwd,
  });
  expect(ran.code).toBe(2);
  expect(ran.json().error).toMatchObject({ code: "cli/flag-invalid", field: "--options", found: '"other.txt"' });
});
