/** Rows of named columns from JSONL, CSV or TSV, each with the line that it stands on. */
import { isPlainObject } from "@pare/core";
import { rowInvalid } from "../errors.ts";

export type TableFormat = "jsonl" | "csv" | "tsv";

/** One row. */
export interface TableRow {
  readonly cells: Readonly<Record<string, unknown>>;
  readonly file: string;
  /** Counted from 1; of rows that came from no file, their place. */
  readonly line: number;
}

export interface TableOptions {
  readonly file: string;
  readonly format: TableFormat;
  /** Names of the columns of a CSV or TSV without a header line. */
  readonly columns?: readonly string[] | undefined;
}

/** The format that a file's ending says; undefined for another. */
export function formatOfFile(file: string): TableFormat | undefined {
  const ending = /\.(jsonl|ndjson|csv|tsv)$/i.exec(file)?.[1]?.toLowerCase();
  return ending === "ndjson" ? "jsonl" : (ending as TableFormat | undefined);
}

/** Throws `training/row-invalid` with the line. Blank lines are no rows. In TSV quotation marks are text. */
export function parseTable(text: string, options: TableOptions): TableRow[] {
  return options.format === "jsonl" ? parseLines(text, options.file) : parseSeparated(text, options);
}

function parseLines(text: string, file: string): TableRow[] {
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .flatMap((content, index) => (content.trim() === "" ? [] : [{ cells: parseObject(content, file, index + 1), file, line: index + 1 }]));
}

function parseObject(content: string, file: string, line: number): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw rowInvalid({ file, line, field: "row", expected: "one JSON object on the line", found: content, cause });
  }
  if (!isPlainObject(value)) throw rowInvalid({ file, line, field: "row", expected: "a JSON object", found: content });
  return value;
}

function parseSeparated(text: string, { file, format, columns }: TableOptions): TableRow[] {
  const lines = splitCells(text.replace(/^\uFEFF/, ""), format === "csv" ? "," : "\t", format === "csv", file);
  const names = columns ?? lines.shift()?.cells ?? [];
  return lines.map(({ cells, line }) => {
    if (cells.length !== names.length)
      throw rowInvalid({ file, line, field: "row", expected: `${names.length} cells, for ${names.join(", ")}`, found: `${cells.length}` });
    return { cells: Object.fromEntries(names.map((name, index) => [name, cells[index]])), file, line };
  });
}

interface Line {
  readonly cells: string[];
  /** On which it begins. */
  readonly line: number;
}

/** Cells between separators and line ends; with `quotes` (RFC 4180) those in quotation marks may hold both, and marks doubled. */
function splitCells(text: string, separator: string, quotes: boolean, file: string): Line[] {
  const lines: Line[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const row: Line = { cells: [], line };
    for (;;) {
      const quoted = quotes && text[at] === '"';
      const end = quoted ? closing(text, at, file, line) : endOfCell(text, at, separator);
      const cell = quoted ? text.slice(at + 1, end - 1).replaceAll('""', '"') : text.slice(at, end);
      row.cells.push(cell);
      line += cell.split("\n").length - 1;
      at = end;
      if (text[at] !== separator) break;
      at++;
    }
    if (at < text.length && text[at] !== "\n" && text[at] !== "\r")
      throw rowInvalid({
        file,
        line,
        field: "row",
        expected: "a separator or the line's end after a quotation mark",
        found: text.slice(at, at + 20),
      });
    at += text.startsWith("\r\n", at) ? 2 : 1;
    line++;
    if (row.cells.length > 1 || row.cells[0]!.trim() !== "") lines.push(row);
  }
  return lines;
}

function endOfCell(text: string, from: number, separator: string): number {
  let at = from;
  while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") at++;
  return at;
}

/** Just behind the mark that closes the cell which one opens at `from`. */
function closing(text: string, from: number, file: string, line: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 2)) if (text[at + 1] !== '"') return at + 1;
  throw rowInvalid({ file, line, field: "row", expected: "a quotation mark that closes the cell", found: text.slice(from, from + 40) });
}
