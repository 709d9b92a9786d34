/** Every error of scaling-laws. */
import { defineError, type ErrorFactory } from "@pare/core";

export const notPositive: ErrorFactory<{ field: string; found: string; file?: string | undefined; row?: number | undefined }> = defineError(
  "scaling-laws/not-positive",
  "A parameter count, token count, loss or compute budget is not a positive finite number.",
  ({ field, found, file, row }) => ({
    message: row === undefined ? "a law of powers needs positive numbers here" : `line ${row} holds no positive number here`,
    file,
    field,
    expected: "a finite number above 0",
    found,
    next: row === undefined ? "Correct the value." : "Correct the line, or leave it out with `where`.",
  }),
);

export const columnUnknown: ErrorFactory<{ file: string; column: string; known: readonly string[]; near: readonly string[] }> = defineError(
  "scaling-laws/column-unknown",
  "A column that was asked for is not in the CSV's header.",
  ({ file, column, known, near }) => ({
    message: "the header has no such column",
    file,
    field: column,
    expected: `one of ${known.map((name) => JSON.stringify(name)).join(", ")}`,
    near,
    next: "Name one of the header's columns; quote it if it holds spaces.",
  }),
);

export const csvInvalid: ErrorFactory<{ file: string; why: string; row?: number | undefined }> = defineError(
  "scaling-laws/csv-invalid",
  "A CSV file has no header, or a line that cannot be parsed or has another number of fields than the header.",
  ({ file, why, row }) => ({
    message: row === undefined ? why : `line ${row}: ${why}`,
    file,
    next: "Mend the file: a header line of column names, then one line per training run with as many fields.",
  }),
);

export const columnsAmbiguous: ErrorFactory<{ found: string }> = defineError(
  "scaling-laws/columns-ambiguous",
  "Both a token column and a FLOP column were named, or neither.",
  ({ found }) => ({
    message: "the data's size comes from one column",
    field: "tokens, flops",
    expected: "exactly one of `tokens` and `flops`",
    found,
    next: "Name the column of training tokens, or that of training FLOPs (then D = C/(6N)).",
  }),
);

export const observationsTooFew: ErrorFactory<{ file?: string | undefined; found: number; needed: number; why: string }> = defineError(
  "scaling-laws/observations-too-few",
  "Fewer observations than a law of five constants needs.",
  ({ file, found, needed, why }) => ({
    message: why,
    file,
    expected: `at least ${needed} observations`,
    found: String(found),
    next: "Give more training runs, or select fewer away.",
  }),
);

export const unidentifiable: ErrorFactory<{ field: string; found: string }> = defineError(
  "scaling-laws/unidentifiable",
  "A law cannot be fitted because all observations share a value.",
  ({ field, found }) => ({
    message: "all observations share one value, so nothing can be said about its exponent",
    field,
    expected: "at least two different values",
    found,
    next: "Give training runs that differ here.",
  }),
);

export const optionsInvalid: ErrorFactory<{ field: string; expected: string }> = defineError(
  "scaling-laws/options-invalid",
  "An option of a fit is of the wrong type or out of range.",
  ({ field, expected }) => ({ message: "this option cannot be used", field, expected, next: "Correct the option." }),
);
