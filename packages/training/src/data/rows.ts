/** Labelled rows as a data set: texts, pairs, classes, tags, answers and choices from JSONL, CSV or TSV. */
import { API_VERSION, jsonSchemaOf, type FileSet } from "@pare/core";
import { z } from "zod";
import { dataEmpty } from "../errors.ts";
import type { DataPlugin, DataSet } from "./data.ts";
import { readDataFile } from "./file.ts";
import { exampleOf } from "./row-example.ts";
import { formatOfFile, parseTable, type TableFormat, type TableRow } from "./table.ts";

/** Which column holds what. A column that is named here has to be in every row; those by their usual name are read where they are. */
export interface ColumnOptions {
  /** The text, or the first of two; in rows with tags it may be a list of words. Usual name "text". */
  readonly text?: string | undefined;
  /** The second of two texts that are read together; of a question the passage. Usual name "pair". */
  readonly pair?: string | undefined;
  /** Class, classes (a list) or number. Usual name "label". */
  readonly label?: string | undefined;
  /** A class per word: a list, or names with spaces between. Usual name "tags". */
  readonly tags?: string | undefined;
  /**
   * What of the pair answers the text: `{ text: […], answer_start: […] }`, a list of `{ text, start }`, or a text alone, whose place the
   * column `answer_start` says, or which is looked for. Usual name "answers".
   */
  readonly answers?: string | undefined;
  /** What may follow the text: a list; or the names of the columns that hold it. Usual name "choices". */
  readonly choices?: string | readonly string[] | undefined;
  /** Which choice is right: its place from 0, or its text. Usual name "label". */
  readonly right?: string | undefined;
}

export interface RowsOptions extends ColumnOptions {
  /** Name of a file in the set that the plugin was made with. Exactly one of `file` and `rows` is given. */
  readonly file?: string | undefined;
  /** The rows themselves. */
  readonly rows?: readonly Readonly<Record<string, unknown>>[] | undefined;
  /** Default: what the file's ending says. */
  readonly format?: TableFormat | undefined;
  /** Names of the columns of a CSV or TSV without a header line. */
  readonly columns?: readonly string[] | undefined;
  /** Stands in provenance; default: the file's name, or "rows". */
  readonly name?: string | undefined;
  /** Leave out this many rows. Default 0. */
  readonly skip?: number | undefined;
  /** Take at most this many. Default: all. */
  readonly examples?: number | undefined;
}

const column = z.string().min(1).optional();

const options: z.ZodType<RowsOptions, RowsOptions> = z
  .object({
    file: z.string().optional(),
    rows: z.array(z.record(z.string(), z.unknown())).optional(),
    format: z.enum(["jsonl", "csv", "tsv"]).optional().describe("default: what the file's ending says"),
    columns: z.array(z.string()).min(1).optional().describe("names of the columns of a file without a header line"),
    name: z.string().optional(),
    skip: z.int().min(0).optional(),
    examples: z.int().min(1).optional(),
    text: column.describe("column of the text, or of the first of two"),
    pair: column.describe("column of the second text; of a question the passage"),
    label: column.describe("column of the class, classes or number"),
    tags: column.describe("column of the class of each word"),
    answers: column.describe("column of what of the passage answers the question"),
    choices: z.union([column, z.array(z.string().min(1)).min(1)]).describe("column of what may follow the text, or a column for each"),
    right: column.describe("column of the choice that is right, by place or by text"),
  })
  .refine(({ file, rows }) => (file === undefined) !== (rows === undefined), { message: "give one of `file` and `rows`", path: ["file"] })
  .refine(({ file, format }) => file === undefined || format !== undefined || formatOfFile(file) !== undefined, {
    message: "a file that ends in .jsonl, .csv or .tsv, or its `format`",
    path: ["file"],
  });

/** The `rows` data set, with the files that `file` names. Its rows are the train part and the test part alike. */
export function rowsData(files?: FileSet): DataPlugin<"rows", RowsOptions> {
  return {
    kind: "data",
    id: "rows",
    version: 1,
    apiVersion: API_VERSION,
    package: "@pare/training",
    jsonSchema: jsonSchemaOf(options),
    define: { citation: "the rows that were given", options, open: (given) => openRows(given, files) },
  };
}

function openRows(given: RowsOptions, files: FileSet | undefined): DataSet {
  const name = given.name ?? given.file ?? "rows";
  return {
    use: "rows",
    version: 1,
    options: given,
    id: name,
    citation: given.file ?? name,
    examples: async () => {
      const rows = await readRows(given, name, files);
      const { skip = 0, examples } = given;
      const taken = rows.slice(skip, examples === undefined ? undefined : skip + examples);
      if (taken.length === 0) throw dataEmpty({ data: name, kept: `more than ${skip} rows`, found: `${rows.length}` });
      return taken.map((row) => exampleOf(row, given));
    },
  };
}

async function readRows(
  { file, rows, format, columns }: RowsOptions,
  name: string,
  files: FileSet | undefined,
): Promise<readonly TableRow[]> {
  if (rows !== undefined) return rows.map((cells, index) => ({ cells, file: name, line: index + 1 }));
  const text = await readDataFile(file, name, files);
  return parseTable(text, { file: file!, format: format ?? formatOfFile(file!)!, columns });
}
