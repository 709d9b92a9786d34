/** Training runs from a CSV file. */
import { CsvError, parse } from "csv-parse/sync";
import { nearNames } from "@pare/core";
import type { Observation } from "./chinchilla.ts";
import { columnUnknown, columnsAmbiguous, csvInvalid, notPositive, observationsTooFew } from "./errors.ts";

export interface CsvColumns {
  /** Column of N, parameters. */
  readonly params: string;
  /** Column of D, training tokens. */
  readonly tokens?: string | undefined;
  /** Column of C, training FLOPs; then D = C/(6N). */
  readonly flops?: string | undefined;
  /** Column of the final loss, nats per token. */
  readonly loss: string;
}

export interface CsvOptions extends CsvColumns {
  /** Name for error messages. */
  readonly file: string;
  /** Column → value: only lines that hold it, compared as numbers where both are numbers. */
  readonly where?: Readonly<Record<string, string>> | undefined;
  /** Leaves out so many of the selected lines, those of the highest losses. */
  readonly dropHighest?: number | undefined;
}

interface Line {
  readonly cells: Readonly<Record<string, string>>;
  /** Line of the file, counted from 1. */
  readonly row: number;
}

/**
 * Reads the observations of a CSV with a header line.
 *
 * Throws `scaling-laws/columns-ambiguous`, `scaling-laws/csv-invalid`, `scaling-laws/column-unknown`, `scaling-laws/not-positive`
 * (with line and column) or `scaling-laws/observations-too-few`.
 */
export function readObservations(text: string, options: CsvOptions): Observation[] {
  const { file, params, tokens, flops, loss, where = {}, dropHighest = 0 } = options;
  if ((tokens === undefined) === (flops === undefined)) {
    throw columnsAmbiguous({ found: tokens === undefined ? "neither" : `tokens ${tokens}, flops ${flops}` });
  }
  const size = tokens ?? flops!;
  const lines = parseLines(text, file, [params, size, loss, ...Object.keys(where)]);
  const selected = lines.filter(({ cells }) => Object.entries(where).every(([column, value]) => sameValue(cells[column]!, value)));
  const observations = selected.map((line) => {
    const n = positive(line, params, file);
    const d = positive(line, size, file);
    return { params: n, tokens: tokens === undefined ? d / (6 * n) : d, loss: positive(line, loss, file) };
  });
  if (dropHighest >= observations.length) {
    const why = `${observations.length} of ${lines.length} lines were selected, and ${dropHighest} of them are to be dropped`;
    throw observationsTooFew({ file, found: 0, needed: 1, why });
  }
  return withoutHighest(observations, dropHighest);
}

function parseLines(text: string, file: string, wanted: readonly string[]): Line[] {
  let header: readonly string[] = [];
  try {
    const records = parse(text, {
      bom: true,
      trim: true,
      skip_empty_lines: true,
      info: true,
      columns: (names: string[]) => (header = names),
    }) as unknown as readonly { readonly record: Record<string, string>; readonly info: { readonly lines: number } }[];
    if (header.length === 0) throw csvInvalid({ file, why: "the file holds no header line" });
    for (const column of wanted) {
      if (!header.includes(column)) throw columnUnknown({ file, column, known: header, near: nearNames(column, header) });
    }
    return records.map(({ record, info }) => ({ cells: record, row: info.lines }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const row = (error as { lines?: unknown }).lines;
    throw csvInvalid({ file, why: error.message, row: typeof row === "number" ? row : undefined });
  }
}

function positive({ cells, row }: Line, column: string, file: string): number {
  const cell = cells[column]!;
  const value = cell === "" ? Number.NaN : Number(cell);
  if (!(value > 0 && Number.isFinite(value))) throw notPositive({ file, field: column, row, found: JSON.stringify(cell) });
  return value;
}

function sameValue(cell: string, value: string): boolean {
  return cell === value || (cell !== "" && value !== "" && Number(cell) === Number(value));
}

/** In the order they came; of equal losses the later ones go. */
function withoutHighest(observations: readonly Observation[], count: number): Observation[] {
  const order = observations.map((_, i) => i).sort((i, j) => observations[i]!.loss - observations[j]!.loss || i - j);
  const kept = new Set(order.slice(0, observations.length - count));
  return observations.filter((_, i) => kept.has(i));
}
