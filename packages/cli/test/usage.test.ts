/** What the command says of itself, and how it ends; as a child process too, since exit codes and streams are the contract. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runCli, temporaryFolder } from "./run-cli.ts";

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url));

async function child(argv: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const process_ = spawn(process.execPath, ["--conditions=@pare/source", "--disable-warning=ExperimentalWarning", bin, ...argv], {
    stdio: "pipe",
  });
  let out = "";
  let err = "";
  process_.stdout.on("data", (chunk) => (out += chunk));
  process_.stderr.on("data", (chunk) => (err += chunk));
  const [code] = (await once(process_, "close")) as [number | null];
  return { code, out, err };
}

test("--help and --version end well and print to stdout", async () => {
  expect(await runCli(["--version"])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+/), err: "" });
  const help = await runCli(["--help"]);
  expect(help).toMatchObject({ code: 0, err: "" });
  expect(help.out).toContain("Exit codes: 0 done, 1 failure, 2 wrong command or input, 130 cancelled.");
});

test("an unknown command names a near one", async () => {
  const ran = await runCli(["scal", "fit"]);
  expect(ran).toMatchObject({ code: 2, out: "" });
  expect(ran.err).toContain("scale");
  expect(ran.err).toContain("cli/usage");
});

test("no command at all is a usage error, in JSON too", async () => {
  expect((await runCli([])).code).toBe(2);
  const json = await runCli(["--json"]);
  expect(json.code).toBe(2);
  expect(json.json().error.code).toBe("cli/usage");
});

test("plugins lists what is registered, once per kind and id", async () => {
  const ran = await runCli(["plugins", "--json"], { cwd: temporaryFolder() });
  expect(ran.code).toBe(0);
  const plugins = ran.json().plugins as { kind: string; id: string; package: string; version: number; options?: object }[];
  expect(new Set(plugins.map(({ kind, id }) => `${kind} ${id}`)).size).toBe(plugins.length);
  for (const plugin of plugins)
    expect(plugin).toMatchObject({
      kind: expect.any(String),
      id: expect.any(String),
      package: expect.any(String),
      version: expect.any(Number),
    });
  // Whatever takes options says which.
  const optional = plugins.filter(({ kind }) => ["stage", "suite", "objective", "data"].includes(kind));
  expect(optional.length).toBeGreaterThan(10);
  for (const { id, options } of optional) expect(options, id).toMatchObject({ type: "object", properties: expect.any(Object) });
});

test("as a process: one JSON object on stdout, the message on stderr, the exit code", async () => {
  const failed = await child(["scale", "fit", "nowhere.csv", "--params", "N", "--tokens", "D", "--loss", "L", "--json"]);
  expect(failed.code).toBe(2);
  expect(JSON.parse(failed.out)).toMatchObject({ error: { code: "cli/file-unreadable", file: "nowhere.csv" } });
  expect(failed.err).toContain("cli/file-unreadable");
  const done = await child(["--version"]);
  expect(done).toMatchObject({ code: 0, err: "" });
});
