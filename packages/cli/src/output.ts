/** Results for people and for scripts. */
import Table from "cli-table3";
import type { Terminal } from "./terminal.ts";

/** With `--json`: exactly one JSON object on stdout. Without: what `human` says. */
export function printResult(terminal: Terminal, json: boolean, result: object, human: () => string): void {
  terminal.out(json ? `${JSON.stringify(result)}\n` : `${human()}\n`);
}

export type Cell = string | number;

/** Columns of numbers are set to the right. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const numeric = head.map(
    (_, column) =>
      rows.length > 0 && rows.every((row) => typeof row[column] === "number" || /^[-+\d.,]+( [kMG]?i?B)?$/.test(String(row[column]))),
  );
  const view = new Table({
    head: [...head],
    colAligns: numeric.map((is) => (is ? "right" : "left")),
    style: { head: [], border: [], compact: true },
  });
  view.push(...rows.map((row) => row.map(String)));
  return view.toString();
}

/** 1234567 → "1,234,567". */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** Bytes with three digits: "1.04 MB" (decimal). */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${units[unit]}`;
}

/** So many significant digits; with an exponent where zeros would fill the place up. */
export function digits(value: number, significant = 5): string {
  const size = Math.abs(value);
  return value === 0 || (size >= 1e-4 && size < 1e7)
    ? String(Number(value.toPrecision(significant)))
    : value.toExponential(significant - 1);
}
