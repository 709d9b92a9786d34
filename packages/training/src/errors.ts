/** Every error of training. */
import { defineError, type ErrorFactory } from "@pare/core";

export const dataPartMissing: ErrorFactory<{ data: string; part: string; parts: readonly string[] }> = defineError(
  "training/data-part-missing",
  "A data set was asked for a part (train, test) that it does not have.",
  ({ data, part, parts }) => ({
    message: `the data set ${data} has no ${part} part`,
    field: part,
    expected: parts.join(" or "),
    next: "Ask for a part it has, or name another data set.",
  }),
);

export const dataEmpty: ErrorFactory<{ data: string; kept: string; found: string }> = defineError(
  "training/data-empty",
  "Nothing of a text is left after it was split and filtered.",
  ({ data, kept, found }) => ({
    message: `no example of ${data} is left`,
    field: data,
    expected: kept,
    found,
    next: "Lower minChars or skip, or correct the separator.",
  }),
);

export const dataFileMissing: ErrorFactory<{ data: string; found: string; file?: string | undefined; cause?: unknown }> = defineError(
  "training/data-file-missing",
  "A text data set was named without a text, or with a file that cannot be read.",
  ({ data, file, found, cause }) => ({
    message: `${data} has no text to read`,
    file,
    field: "data",
    expected: "the text itself, or the name of a readable file",
    found,
    next: "Give `text`, or a `file` that exists (the command line: --data <file>).",
    cause,
  }),
);

export const separatorInvalid: ErrorFactory<{ separator: string; cause: unknown }> = defineError(
  "training/separator-invalid",
  "The separator of a text data set is not a JavaScript regular expression.",
  ({ separator, cause }) => ({
    message: cause instanceof Error ? cause.message : "this is not a regular expression",
    field: "separator",
    expected: "the source of a JavaScript regular expression, without slashes",
    found: separator,
    next: "Correct the expression; inside JSON every backslash is written twice.",
    cause,
  }),
);

export const tokenizerUnfit: ErrorFactory<{ field: string; expected: string; found: string }> = defineError(
  "training/tokenizer-unfit",
  "A model has no tokenizer, or one without the special tokens or words that the data needs.",
  ({ field, expected, found }) => ({
    message: "the model's tokenizer cannot write these examples",
    field,
    expected,
    found,
    next: "Use a model whose tokenizer was made for this data, or data that this model was made for.",
  }),
);
