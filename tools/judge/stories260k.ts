/**
 * `node --conditions=@pare/source tools/judge/stories260k.ts [--methods] [--json]`: every row that is known of stories260K, measured
 * through the command line in child processes; with `--methods` those of the methods that calibrate or remove structure. Ends with 1 where a row is missed, and with 2 where the model or the text is absent.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { METHODS } from "./methods.ts";
import { machine, pare } from "./pare.ts";
import { filesAbsent, CASES, checkText, measureCase, type Check, type Row } from "./protocol.ts";

const names = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");

function report(rows: readonly Row[], checks: readonly Check[]): string {
  return [
    "| weights | expected | measured | difference | bytes | stored as | ran as | |",
    "|---|---:|---:|---:|---:|---|---|---|",
    ...rows.map(({ name, expected, measured, tolerance, bytes, storages, kernels, faults }) => {
      const difference = `${(measured - expected).toFixed(5)} (± ${tolerance})`;
      const cells = [name, expected, measured.toFixed(5), difference, bytes, names(storages), names(kernels), faults.join("; ") || "met"];
      return `| ${cells.join(" | ")} |`;
    }),
    "",
    ...checks.map(({ name, faults }) => `- ${name}: ${faults.join("; ") || "met"}`),
  ].join("\n");
}

async function judge(json: boolean, methods: boolean): Promise<number> {
  const cases = methods ? METHODS : CASES;
  if (filesAbsent()) return 2;
  const folder = mkdtempSync(join(tmpdir(), "pare-judge-"));
  try {
    const rows: Row[] = [];
    for (const [index, each] of cases.entries()) {
      console.error(`${index + 1} of ${cases.length}: ${each.name}`);
      rows.push(await measureCase(each, join(folder, String(index)), pare));
    }
    const checks = methods ? [] : await checkText(folder, pare);
    const missed = [...rows, ...checks].filter(({ faults }) => faults.length > 0).length;
    const facts = machine();
    if (json) console.log(JSON.stringify({ ...facts, rows, checks, missed }));
    else
      console.log(
        `${report(rows, checks)}\n\n${missed === 0 ? "All met" : `${missed} missed`}. ${Object.entries(facts)
          .map((fact) => fact.join(" "))
          .join(", ")}`,
      );
    return missed === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await judge(process.argv.includes("--json"), process.argv.includes("--methods"));
