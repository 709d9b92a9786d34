import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli, temporaryFolder } from "./run-cli.ts";

/** A table of runs that follow E 1.8, A 480, B 2000, alpha 0.35, beta 0.37, and one outlier. */
function csv(): string {
  const lines = ["set,N,D,C,loss"];
  for (let i = 0; i < 60; i++) {
    const n = 10 ** (7 + (i % 10) / 3);
    const d = 10 ** (8.5 + Math.floor(i / 10) / 2);
    lines.push(`a,${n},${d},${6 * n * d},${1.8 + 480 * n ** -0.35 + 2000 * d ** -0.37}`);
  }
  return `${lines.join("\n")}\na,1e8,1e9,6e17,50\nb,1,1,1,broken\n`;
}

function folderWithRuns(): string {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "runs.csv"), csv());
  return cwd;
}

const fit = ["scale", "fit", "runs.csv", "--params", "N", "--loss", "loss", "--where", "set=a", "--drop-highest", "1"];

test("--json prints the fit, its intervals and the number of runs", async () => {
  const ran = await runCli([...fit, "--tokens", "D", "--draws", "20", "--budget", "1e21", "--json"], { cwd: folderWithRuns() });
  expect(ran).toMatchObject({ code: 0, err: "" });
  const { fit: law, intervals, n, optimum } = ran.json();
  expect(n).toBe(60);
  expect(Object.keys(law).sort()).toEqual(["A", "B", "E", "alpha", "beta", "objective"]);
  expect(law.E).toBeCloseTo(1.8, 3);
  expect(law.alpha).toBeCloseTo(0.35, 3);
  expect(law.beta).toBeCloseTo(0.37, 3);
  expect(intervals.E).toHaveLength(2);
  expect((6 * optimum.params * optimum.tokens) / 1e21).toBeCloseTo(1, 9);
});

test("FLOPs in place of tokens give the same fit", async () => {
  const cwd = folderWithRuns();
  const tokens = await runCli([...fit, "--tokens", "D", "--draws", "0", "--json"], { cwd });
  const flops = await runCli([...fit, "--flops", "C", "--draws", "0", "--json"], { cwd });
  expect(flops.json().fit.E).toBeCloseTo(tokens.json().fit.E, 6);
  expect(flops.json().intervals).toEqual({});
});

test("people get a table", async () => {
  const ran = await runCli([...fit, "--tokens", "D", "--draws", "20"], { cwd: folderWithRuns() });
  expect(ran.code).toBe(0);
  expect(ran.out).toMatch(/alpha[^\n]*0\.35/);
  expect(ran.out).toContain("60 runs");
});

test.each([
  [["--tokens", "Dtokens"], "scaling-laws/column-unknown"],
  [["--tokens", "D", "--flops", "C"], "scaling-laws/columns-ambiguous"],
  [["--tokens", "D", "--draws", "many"], "cli/flag-invalid"],
  [["--tokens", "D", "--where", "set"], "cli/flag-invalid"],
  [["--tokens", "D", "--nothing"], "cli/usage"],
])("bad input %j is refused with a code and exit code 2", async (flags, code) => {
  const ran = await runCli([...fit, ...flags, "--json"], { cwd: folderWithRuns() });
  expect(ran.code).toBe(2);
  expect(ran.json().error).toMatchObject({ code, next: expect.any(String) });
  expect(ran.err).toContain(code);
});

test("a missing file names itself", async () => {
  const ran = await runCli([...fit, "--tokens", "D", "--json"], { cwd: temporaryFolder() });
  expect(ran.code).toBe(2);
  expect(ran.json().error).toMatchObject({ code: "cli/file-unreadable", file: "runs.csv" });
});

test("an aborted signal ends with 130", async () => {
  const controller = new AbortController();
  const running = runCli([...fit, "--tokens", "D", "--draws", "100000", "--json"], { cwd: folderWithRuns(), signal: controller.signal });
  setTimeout(() => controller.abort(), 100);
  expect((await running).code).toBe(130);
});
