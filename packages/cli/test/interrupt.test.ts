/** Ctrl-C and kill -9 in the middle of a run, as processes. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runCli, temporaryFolder } from "./run-cli.ts";

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url));
const compress = ["compress", "model", "--recipe", "recipe.json", "--out", "out"];

/** Large enough that a step takes a moment. */
async function workplace(): Promise<string> {
  const cwd = temporaryFolder();
  const sizes = ["--hidden", "128", "--feed-forward", "384", "--layers", "4"];
  expect((await runCli(["create", "tiny", ...sizes, "--out", "model"], { cwd })).code).toBe(0);
  const magnitude = { use: "prune/magnitude", pattern: "unstructured", scope: "global" };
  const steps = [0.3, 0.5, 0.7].map((sparsity) => ({ ...magnitude, sparsity }));
  writeFileSync(join(cwd, "recipe.json"), JSON.stringify(steps));
  return cwd;
}

/** Starts the command and sends it a signal as soon as it says that its second step begins. */
async function stopInSecondStep(cwd: string, signal: NodeJS.Signals): Promise<{ child: ChildProcess; code: number | null; err: string }> {
  const child = spawn(process.execPath, ["--conditions=@pare/source", "--disable-warning=ExperimentalWarning", bin, ...compress], {
    cwd,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let err = "";
  let sent = false;
  child.stderr!.on("data", (chunk) => {
    err += chunk;
    if (!sent && err.includes("step 2 of 3")) sent = child.kill(signal);
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { child, code, err };
}

async function finish(cwd: string): Promise<Record<string, string>> {
  const ran = await runCli([...compress, "--json"], { cwd });
  expect(ran.code, ran.err).toBe(0);
  expect(ran.json().steps[0].status).toBe("cached");
  return Object.fromEntries(readdirSync(join(cwd, "out")).map((name) => [name, readFileSync(join(cwd, "out", name)).toString("base64")]));
}

test("after kill -9 or Ctrl-C the same command goes on from what was finished, to the same bytes", async () => {
  const killed = await workplace();
  expect((await stopInSecondStep(killed, "SIGKILL")).code).toBe(null);
  expect(existsSync(join(killed, "out"))).toBe(false);

  const interrupted = await workplace();
  const { code, err } = await stopInSecondStep(interrupted, "SIGINT");
  expect(code, err).toBe(130);
  expect(err).toContain("core/cancelled");
  expect(err).toContain("resumes");
  expect(readdirSync(interrupted).sort()).toEqual([".pare", "model", "recipe.json"]);

  const whole = await workplace();
  const first = await runCli([...compress, "--json"], { cwd: whole });
  expect(first.json().steps.map(({ status }: { status: string }) => status)).toEqual(["ran", "ran", "ran"]);
  const expected = await finish(killed);
  expect(await finish(interrupted)).toEqual(expected);
  const names = readdirSync(join(whole, "out"));
  expect(Object.fromEntries(names.map((name) => [name, readFileSync(join(whole, "out", name)).toString("base64")]))).toEqual(expected);
});
