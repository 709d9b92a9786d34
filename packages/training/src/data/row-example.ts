/** One row of a table as an example. */
import { nearNames } from "@pare/core";
import { rowInvalid } from "../errors.ts";
import type { Example, Wanted } from "./data.ts";
import type { ColumnOptions } from "./rows.ts";
import type { TableRow } from "./table.ts";

/** Throws `training/row-invalid`, naming file, line and column. */
export function exampleOf(row: TableRow, columns: ColumnOptions): Example {
  const { file, line } = row;
  const pair = cellOf(row, columns.pair, "pair");
  const tags = cellOf(row, columns.tags, "tags");
  const given = needed(row, columns.text ?? "text");
  const words = tags === undefined ? undefined : wordsOf(row, columns.text ?? "text", given);
  const text = words === undefined ? textOf(row, columns.text ?? "text", given) : words.text;
  const texts = pair === undefined ? { target: text } : { source: text, target: textOf(row, columns.pair ?? "pair", pair) };
  const wanted =
    words === undefined ? wantedOf(row, columns, texts.target) : { tags: tagsOf(row, columns.tags ?? "tags", tags, words.spans) };
  return { ...texts, wanted, place: { file, line } };
}

function wantedOf(row: TableRow, columns: ColumnOptions, passage: string): Wanted | undefined {
  const choices = choicesOf(row, columns);
  if (choices !== undefined) return { choices, right: rightOf(row, columns.right ?? "label", choices) };
  const answers = cellOf(row, columns.answers, "answers");
  if (answers !== undefined) return { answers: answersOf(row, columns.answers ?? "answers", answers, passage) };
  const label = cellOf(row, columns.label, "label");
  if (label === undefined) return undefined;
  const single = (value: unknown): value is string | number => typeof value === "string" || typeof value === "number";
  if (single(label) || (Array.isArray(label) && label.every(single))) return { label };
  throw fail(row, columns.label ?? "label", "a class, a list of classes or a number", label);
}

/** A column that was named has to be there; one by its usual name may be. Empty cells say nothing. */
function cellOf(row: TableRow, named: string | undefined, usual: string): unknown {
  const value = named === undefined ? row.cells[usual] : needed(row, named);
  return value === null || value === "" ? undefined : value;
}

function needed(row: TableRow, column: string): unknown {
  if (Object.hasOwn(row.cells, column)) return row.cells[column];
  const known = Object.keys(row.cells);
  throw rowInvalid({
    ...placeOf(row),
    field: column,
    expected: `this column`,
    found: `columns ${known.join(", ")}`,
    near: nearNames(column, known),
  });
}

function textOf(row: TableRow, column: string, value: unknown): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw fail(row, column, "a text", value);
}

/** Words, and where they stand in them joined by spaces. */
function wordsOf(
  row: TableRow,
  column: string,
  value: unknown,
): { readonly text: string; readonly spans: readonly (readonly [number, number])[] } {
  const words = typeof value === "string" ? value.split(/\s+/).filter((word) => word !== "") : value;
  if (!Array.isArray(words) || words.length === 0 || !words.every((word) => typeof word === "string" && word !== ""))
    throw fail(row, column, "words: a list, or a text with spaces between them", value);
  let at = 0;
  const spans = (words as string[]).map((word): readonly [number, number] => {
    const begin = at;
    at += word.length + 1;
    return [begin, begin + word.length];
  });
  return { text: words.join(" "), spans };
}

function tagsOf(row: TableRow, column: string, value: unknown, spans: readonly (readonly [number, number])[]) {
  const tags = typeof value === "string" ? value.split(/\s+/).filter((tag) => tag !== "") : value;
  if (!Array.isArray(tags) || tags.length !== spans.length)
    throw fail(row, column, `${spans.length} tags, one for each word`, Array.isArray(tags) ? `${tags.length} tags` : value);
  return tags.map((tag: unknown, index) => ({ begin: spans[index]![0], end: spans[index]![1], tag: String(tag) }));
}

function choicesOf(row: TableRow, { choices = "choices" }: ColumnOptions): readonly string[] | undefined {
  if (typeof choices === "object") return choices.map((column) => textOf(row, column, needed(row, column)));
  if (choices === "choices" && row.cells["choices"] === undefined) return undefined;
  const value = needed(row, choices);
  if (Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string")) return value as string[];
  throw fail(row, choices, "a list of texts", value);
}

function rightOf(row: TableRow, column: string, choices: readonly string[]): number {
  const value = needed(row, column);
  const place = choices.includes(value as string) ? choices.indexOf(value as string) : Number(value);
  if (value !== "" && Number.isInteger(place) && place >= 0 && place < choices.length) return place;
  throw fail(row, column, `a place from 0 to ${choices.length - 1}, or the text of a choice`, value);
}

function answersOf(row: TableRow, column: string, value: unknown, passage: string) {
  return listed(row, column, value).map(({ text, start }) => {
    const begin = start === undefined ? passage.indexOf(text) : placeIn(passage, text, start);
    if (begin >= 0 && text !== "" && passage.startsWith(text, begin)) return { begin, text };
    const expected =
      start === undefined
        ? "a part of the passage"
        : `what the passage holds at ${start}: ${JSON.stringify(passage.slice(start, start + Math.max(text.length, 1)))}`;
    throw fail(row, column, expected, text);
  });
}

/** Python counts code points, JavaScript UTF-16 units: whichever of the two finds the text. */
function placeIn(passage: string, text: string, start: number): number {
  if (passage.startsWith(text, start)) return start;
  const units = [...passage].slice(0, start).join("").length;
  return passage.startsWith(text, units) ? units : start;
}

interface Given {
  readonly text: string;
  readonly start: number | undefined;
}

/** The forms in which files say answers. */
function listed(row: TableRow, column: string, value: unknown): Given[] {
  if (typeof value === "string") return [{ text: value, start: startOf(row, "answer_start", row.cells["answer_start"]) }];
  if (Array.isArray(value)) return value.map((one: unknown) => givenOf(row, column, one));
  const { text, answer_start: starts } = (typeof value === "object" ? value : {}) as {
    readonly text?: unknown;
    readonly answer_start?: unknown;
  };
  if (Array.isArray(text) && Array.isArray(starts) && text.length === starts.length)
    return text.map((one: unknown, index) => givenOf(row, column, { text: one, start: starts[index] as unknown }));
  return [givenOf(row, column, value)];
}

function givenOf(row: TableRow, column: string, value: unknown): Given {
  const {
    text,
    start,
    answer_start: other,
  } = (typeof value === "string" ? { text: value } : (value ?? {})) as Readonly<Record<string, unknown>>;
  if (typeof text !== "string") throw fail(row, column, "a text, { text, start } or a list of them", value);
  return { text, start: startOf(row, column, start ?? other) };
}

function startOf(row: TableRow, column: string, value: unknown): number | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const start = Number(value);
  if (Number.isInteger(start) && start >= 0) return start;
  throw fail(row, column, "the place of its first character, from 0", value);
}

function placeOf({ file, line }: TableRow): { readonly file: string; readonly line: number } {
  return { file, line };
}

function fail(row: TableRow, field: string, expected: string, found: unknown): Error {
  return rowInvalid({ ...placeOf(row), field, expected, found: typeof found === "string" ? found : (JSON.stringify(found) ?? "nothing") });
}
