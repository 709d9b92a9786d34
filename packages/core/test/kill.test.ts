import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const script = fileURLToPath(new URL("fixtures/killed.ts", import.meta.url));
const folders: string[] = [];
afterAll(async () => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "pare-kill-"));
  folders.push(folder);
  return folder;
}

/** Runs the fixture; kills it as soon as it prints `killAt`. */
async function runFixture(folder: string, mode: string, killAt?: string): Promise<{ signal: string | null; output: string }> {
  const child = spawn(process.execPath, ["--conditions=@pare/source", script, folder, mode], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (text: Buffer) => {
    output += text.toString();
    if (killAt !== undefined && output.includes(killAt)) child.kill("SIGKILL");
  });
  return new Promise((resolve) => child.on("close", (_code, signal) => resolve({ signal, output })));
}

/** Content by name of everything but records, which hold times. */
async function contentOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(join(folder, "objects"), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  return Object.fromEntries(
    await Promise.all(
      names.map(
        async ({ parentPath, name }) =>
          [join(parentPath, name).slice(folder.length), await readFile(join(parentPath, name), "hex")] as const,
      ),
    ),
  );
}

test("a run killed while it stores a step's output resumes at that step and gives the same bytes", async () => {
  const [whole, cut] = [await newFolder(), await newFolder()];
  const straight = JSON.parse((await runFixture(whole, "straight")).output) as { hash: string; steps: string[] };
  expect(straight.steps).toEqual(["ran", "ran", "ran"]);

  const killed = await runFixture(cut, "wait", "half written");
  expect(killed.signal).toBe("SIGKILL");
  expect((await readdir(join(cut, "cache"))).length).toBe(1);

  const resumed = JSON.parse((await runFixture(cut, "straight")).output) as typeof straight;
  expect(resumed.steps).toEqual(["cached", "ran", "ran"]);
  expect(resumed.hash).toBe(straight.hash);
  const content = await contentOf(cut);
  const finished = Object.fromEntries(Object.entries(content).filter(([name]) => !name.endsWith(".tmp")));
  expect(finished).toEqual(await contentOf(whole));
});
