/** Plain text as a data set: a file or a string, split into pieces. */
import { API_VERSION, jsonSchemaOf, type FileSet } from "@pare/core";
import { z } from "zod";
import { dataEmpty, separatorInvalid } from "../errors.ts";
import type { DataPlugin, DataSet, Example } from "./data.ts";
import { readDataFile } from "./file.ts";

/** Which pieces of a text count. */
export interface PieceOptions {
  /** Source of a JavaScript regular expression; absent: the whole text is one piece. */
  readonly separator?: string | undefined;
  /** Keep pieces of more than this many characters (Unicode code points, after white space around them is cut off). Default 0. */
  readonly minChars?: number | undefined;
  /** Leave out this many of the pieces that were kept. Default 0. */
  readonly skip?: number | undefined;
  /** Take at most this many. Default: all. */
  readonly examples?: number | undefined;
}

export interface TextOptions extends PieceOptions {
  /** Name of a file in the set that the plugin was made with. Exactly one of `file` and `text` is given. */
  readonly file?: string | undefined;
  readonly text?: string | undefined;
  /** Stands in provenance; default: the file's name, or "text". */
  readonly name?: string | undefined;
}

const count = z.number().int().nonnegative();

/** Shared by everything that splits a text. */
export const pieceOptions: z.ZodObject<{
  separator: z.ZodOptional<z.ZodString>;
  minChars: z.ZodOptional<z.ZodNumber>;
  skip: z.ZodOptional<z.ZodNumber>;
  examples: z.ZodOptional<z.ZodNumber>;
}> = z.object({ separator: z.string().optional(), minChars: count.optional(), skip: count.optional(), examples: count.min(1).optional() });

const textOptions: z.ZodType<TextOptions, TextOptions> = pieceOptions
  .extend({ file: z.string().optional(), text: z.string().optional(), name: z.string().optional() })
  .refine((options) => (options.file === undefined) !== (options.text === undefined), {
    message: "give one of `file` and `text`",
    path: ["file"],
  });

/** The pieces of a text, or of several in order, and how many were kept before `skip` and `examples` chose among them. Throws `training/separator-invalid` and `training/data-empty`. */
export function splitText(
  text: string | readonly string[],
  name: string,
  options: PieceOptions,
): { readonly pieces: readonly string[]; readonly kept: number } {
  const { separator, minChars = 0, skip = 0, examples } = options;
  const texts = typeof text === "string" ? [text] : text;
  const all = separator === undefined ? texts : texts.flatMap((one) => one.split(expression(separator)));
  // split() also gives what capturing groups matched, undefined where one did not.
  const kept = all.map((piece) => (piece ?? "").trim()).filter((piece) => longerThan(piece, minChars));
  const pieces = kept.slice(skip, examples === undefined ? undefined : skip + examples);
  if (pieces.length === 0) {
    throw dataEmpty({
      data: name,
      kept: `more than ${skip} pieces of more than ${minChars} characters`,
      found: `${kept.length} of ${all.length} pieces are that long`,
    });
  }
  return { pieces, kept: kept.length };
}

/**
 * The `text` data set, with the files that `file` names: a folder in Node, memory in a browser. The pieces are the train part
 * and the test part alike: what is trained on and what is tested on are two references.
 */
export function textData(files?: FileSet): DataPlugin<"text", TextOptions> {
  return {
    kind: "data",
    id: "text",
    version: 1,
    apiVersion: API_VERSION,
    package: "@pare/training",
    jsonSchema: jsonSchemaOf(textOptions),
    define: { citation: "the text that was given", options: textOptions, open: (options) => openText(options, files) },
  };
}

function openText(options: TextOptions, files: FileSet | undefined): DataSet {
  const name = options.name ?? options.file ?? "text";
  return {
    use: "text",
    version: 1,
    options,
    id: name,
    citation: options.file ?? name,
    examples: async () => {
      const text = options.text ?? (await readDataFile(options.file, name, files));
      return splitText(text, name, options).pieces.map((target): Example => ({ target }));
    },
  };
}

function expression(separator: string): RegExp {
  try {
    return new RegExp(separator);
  } catch (cause) {
    throw separatorInvalid({ separator, cause });
  }
}

function longerThan(text: string, characters: number): boolean {
  if (text.length <= characters) return false;
  let seen = 0;
  for (const _character of text) if (++seen > characters) return true;
  return false;
}
