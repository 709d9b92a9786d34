/** `hub:` names wherever a command takes a model; a server of the test stands for the Hub. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { hubServer, type HubServer } from "../../models/test/hub-server.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url));
const COMMIT = "ab".repeat(20);

/** A place with an empty cache, and a repository with a model that `create` made. */
async function workplace(): Promise<{ cwd: string; cache: string; server: HubServer }> {
  const cwd = temporaryFolder();
  expect((await runCli(["create", "tiny", "--out", "model"], { cwd })).code).toBe(0);
  const folder = join(cwd, "model");
  const files = Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
  const server = await hubServer({ "acme/tiny": { commit: COMMIT, files: { ...files, "pytorch_model.bin": Buffer.alloc(5000) } } });
  const cache = join(cwd, "cache");
  vi.stubEnv("HF_ENDPOINT", server.endpoint);
  vi.stubEnv("HF_HUB_CACHE", cache);
  vi.stubEnv("HF_HUB_OFFLINE", "");
  vi.stubEnv("HF_TOKEN", "");
  return { cwd, cache, server };
}

test("commands take a model of the Hub by its name, and offline what they fetched before", async () => {
  const { cwd, server } = await workplace();
  const before = await runCli(["inspect", "hub:acme/tiny", "--offline", "--json"], { cwd });
  expect([before.code, before.json().error.code]).toEqual([2, "models/hub-not-cached"]);
  const local = (await runCli(["inspect", "model", "--json"], { cwd })).json();
  const fetched = await runCli(["inspect", "hub:acme/tiny", "--json"], { cwd });
  expect(fetched.json()).toEqual(local);
  const asked = server.asked.length;
  expect(server.asked.map(({ path }) => path)).not.toContain("pytorch_model.bin");
  const steps = ["compress", "hub:acme/tiny@main", "--recipe", "int8", "--out", "small", "--json"];
  const compressed = await runCli(steps, { cwd });
  expect(compressed.code, compressed.err).toBe(0);
  const converted = await runCli(["convert", "hub:acme/tiny", "copy", "--offline", "--json"], { cwd });
  expect(converted.code, converted.err).toBe(0);
  expect(readFileSync(join(cwd, "copy/model.safetensors"))).toEqual(readFileSync(join(cwd, "model/model.safetensors")));
  expect(server.asked.length).toBe(asked);
  server.status = 500;
  expect((await runCli(["inspect", "hub:acme/tiny", "--json"], { cwd })).code).toBe(1);
  const plugins = (await runCli(["plugins", "--json"], { cwd })).json().plugins as { kind: string; id: string }[];
  expect(plugins.filter(({ kind }) => kind === "source").map(({ id }) => id)).toEqual(["hub"]);
  expect((await runCli(["inspect", "s3:bucket/model"], { cwd })).err).toContain("core/plugin-unknown");
});

test.each(["SIGKILL", "SIGINT"] as const)("after %s in the middle of a file the same command fetches the rest", async (signal) => {
  const { cwd, cache, server } = await workplace();
  const blobs = join(cache, "models--acme--tiny/blobs");
  const partial = (): string | undefined => readdirSync(blobs).find((name) => name.endsWith(".incomplete"));
  const size = statSync(join(cwd, "model/model.safetensors")).size;
  const child = spawn(
    process.execPath,
    ["--conditions=@pare/source", "--disable-warning=ExperimentalWarning", bin, "inspect", "hub:acme/tiny"],
    {
      cwd,
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let err = "";
  child.stderr!.on("data", (chunk) => (err += chunk));
  const closed = once(child, "close");
  server.onPiece = async (sent) => {
    if (sent < size / 2) return;
    await vi.waitFor(() => expect(statSync(join(blobs, partial()!)).size).toBeGreaterThanOrEqual(sent));
    child.kill(signal);
    await closed;
  };
  const [code] = (await closed) as [number | null];
  server.onPiece = undefined;
  expect(code, err).toBe(signal === "SIGKILL" ? null : 130);
  const kept = statSync(join(blobs, partial()!)).size;
  expect(existsSync(join(cache, "models--acme--tiny/snapshots", COMMIT, "model.safetensors"))).toBe(false);
  const again = await runCli(["inspect", "hub:acme/tiny", "--json"], { cwd });
  expect(again.code, again.err).toBe(0);
  expect(server.asked.filter(({ path }) => path === "model.safetensors").at(-1)!.range).toBe(`bytes=${kept}-${size - 1}`);
  expect(partial()).toBeUndefined();
});
