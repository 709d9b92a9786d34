/** Every error of eval-suites. */
import { defineError, type ErrorFactory } from "@pare/core";

export const dataMissing: ErrorFactory<{ suite: string; found: string; expected?: string | undefined }> = defineError(
  "eval-suites/data-missing",
  "A suite that works on data was run without any, or one for plain text on other data.",
  ({ suite, found, expected }) => ({
    message: `${suite} has no data to work on`,
    field: "data",
    expected: expected ?? 'a text, or a data set of plain text such as { "use": "text", "file": "stories.txt" }',
    found,
    next: "Give the suite `data` (the command line: --data <file>).",
  }),
);

export const familyUnfit: ErrorFactory<{ suite: string; family: string; takes: string }> = defineError(
  "eval-suites/family-unfit",
  "A suite was run on a model of a family that it cannot measure.",
  ({ suite, family, takes }) => ({
    message: `${suite} cannot measure this model`,
    field: "architecture",
    expected: takes,
    found: family,
    next: "Run a suite that takes this family; `pare plugins --json` lists all of them.",
  }),
);

export const vocabularyLacks: ErrorFactory<{ suite: string; words: readonly string[] }> = defineError(
  "eval-suites/vocabulary-lacks",
  "The model's tokenizer cannot write words that a suite's examples are made of.",
  ({ suite, words }) => ({
    message: `the tokenizer cannot write every word of ${suite}`,
    field: "tokenizer",
    found: `no ids for ${words.slice(0, 8).join(", ")}${words.length > 8 ? ` and ${words.length - 8} more` : ""}`,
    next: "Evaluate a model whose tokenizer was made for this data.",
  }),
);

export const answersMissing: ErrorFactory<{
  example: number;
  place?: { readonly file: string; readonly line: number } | undefined;
}> = defineError(
  "eval-suites/answers-missing",
  "A row for the suite answer has no question, or no answer to compare with.",
  ({ example, place }) => ({
    message: `example ${example} has no question with an answer`,
    file: place?.file,
    field: place === undefined ? "answers" : `line ${place.line}: answers`,
    expected: "a question, a passage, and one answer or more",
    next: "Name the columns of question (text), passage (pair) and answers, or leave out rows without an answer.",
  }),
);
