/** Values of flags, checked where they are read. */
import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { isPlainObject } from "@pare/core";
import { parseJson } from "@pare/formats";
import { fileUnreadable, flagInvalid } from "./errors.ts";
import type { Terminal } from "./terminal.ts";

export interface NumberRule {
  readonly min?: number | undefined;
  /** Excluded. */
  readonly above?: number | undefined;
  readonly max?: number | undefined;
  readonly integer?: boolean | undefined;
}

/** A parser for commander: the flag's text as a number. Throws `cli/flag-invalid`. */
export function number(flag: string, rule: NumberRule = {}): (text: string) => number {
  const { min = Number.NEGATIVE_INFINITY, above = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, integer = false } = rule;
  const expected = [
    integer ? "a whole number" : "a number",
    rule.min === undefined ? "" : `of at least ${min}`,
    rule.above === undefined ? "" : `above ${above}`,
    rule.max === undefined ? "" : `of at most ${max}`,
  ];
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isFinite(value) && value >= min && value > above && value <= max && (!integer || Number.isSafeInteger(value))) return value;
    throw flagInvalid({ flag, expected: expected.filter((part) => part !== "").join(" "), found: JSON.stringify(text) });
  };
}

/** A parser for commander: shares between commas, each above 0 and below 1. Throws `cli/flag-invalid`. */
export function shares(flag: string): (text: string) => number[] {
  const one = number(flag, { above: 0 });
  return (text) =>
    text.split(",").map((part) => {
      const share = one(part);
      if (share < 1) return share;
      throw flagInvalid({ flag, expected: "shares below 1 between commas", found: JSON.stringify(text) });
    });
}

/** A parser for commander: gathers `name=value` of a flag that may be repeated. Throws `cli/flag-invalid`. */
export function pairs(flag: string): (text: string, before?: Readonly<Record<string, string>>) => Record<string, string> {
  return (text, before = {}) => {
    const at = text.indexOf("=");
    if (at <= 0) throw flagInvalid({ flag, expected: "<name>=<value>", found: JSON.stringify(text) });
    return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
  };
}

/** A parser for commander: options as one JSON object. Throws `cli/flag-invalid`. */
export function jsonObject(flag: string): (text: string) => Record<string, unknown> {
  return (text) => {
    const refused = (found: string): Error => flagInvalid({ flag, expected: "options as one JSON object", found });
    const value = parseJson(text, (why) => refused(`${text} (${why})`));
    if (!isPlainObject(value)) throw refused(text);
    if (Object.hasOwn(value, "use")) throw refused(`${text}, which holds use: what runs is said elsewhere`);
    return value;
  };
}

/** A head by its task, or with its options. */
export type HeadFlag = string | { readonly task: string; readonly [option: string]: unknown };

/** A parser for commander: the name of a task, or one JSON object that holds it. Throws `cli/flag-invalid`. */
export function headFlag(flag: string): (text: string) => HeadFlag {
  return (text) => {
    if (!text.trimStart().startsWith("{")) return text;
    const { task, ...options } = jsonObject(flag)(text);
    if (typeof task === "string") return { task, ...options };
    throw flagInvalid({ flag, expected: 'the name of a task, or { "task": "…", … }', found: text });
  };
}

/** The text of a file that a flag or argument names. Throws `cli/file-unreadable`. */
export async function readNamed(terminal: Terminal, field: string, path: string): Promise<string> {
  try {
    return await readFile(resolve(terminal.cwd, path), "utf8");
  } catch (cause) {
    throw fileUnreadable({ file: path, field, cause });
  }
}

/** A parser for commander: gathers the values of a flag that may be repeated. */
export function list(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/**
 * The data set that `--data <file>` stands for: rows of a .jsonl, .csv or .tsv, else plain text. Found again by its path, known in
 * provenance by its name.
 */
export function dataFile(path: string): { readonly use: "text" | "rows"; readonly file: string; readonly name: string } {
  return { use: /\.(jsonl|ndjson|csv|tsv)$/i.test(path) ? "rows" : "text", file: path, name: basename(path) };
}

/** `--data <file>` with what options say of it under `data`: how a text is split, what a file's columns are called. Throws `cli/flag-invalid`. */
export function dataOption(path: string | undefined, options: Readonly<Record<string, unknown>> | undefined): { readonly data?: object } {
  if (path === undefined) return {};
  const given = options?.["data"] ?? {};
  if (!isPlainObject(given))
    throw flagInvalid({ flag: "--options", expected: "under `data`, how the file of --data is read", found: JSON.stringify(given) });
  return { data: { ...dataFile(path), ...given, file: path } };
}
