/** Rows of named columns from JSONL, CSV or TSV, each with the line that it stands on. */
import { isPlainObject } from "@pare/core";
import { CsvError, parse } from "csv-parse/sync";
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
  try {
    const records = parse(text, {
      bom: true,
      skip_empty_lines: true,
      info: true,
      columns: columns === undefined ? true : [...columns],
      delimiter: format === "csv" ? "," : "\t",
      ...(format === "csv" ? {} : { quote: null, escape: null }),
    }) as unknown as readonly { readonly record: Record<string, string>; readonly info: { readonly lines: number } }[];
    return records.map(({ record, info }) => ({ cells: record, file, line: info.lines }));
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    const line = (cause as { lines?: unknown }).lines;
    const expected = columns === undefined ? "as many cells as the header line names" : `cells for ${columns.join(", ")}`;
    throw rowInvalid({ file, line: typeof line === "number" ? line : undefined, field: "row", expected, found: cause.message, cause });
  }
}
