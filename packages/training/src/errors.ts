/** Every error of training. */
import { defineError, type ErrorFactory } from "@pare/core";

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

export const tokenizerIncomplete: ErrorFactory<{ token: string }> = defineError(
  "training/tokenizer-incomplete",
  "A model's tokenizer lacks the begin or end token that its sequences need, or the model has no tokenizer at all.",
  ({ token }) => ({
    message: token === "any" ? "the model has no tokenizer" : `the tokenizer has no ${token} token`,
    field: token === "any" ? "tokenizer" : `tokenizer.special.${token}`,
    next: "Load or create the model with a tokenizer that says its special tokens.",
  }),
);

export const exampleEmpty: ErrorFactory<{ field: string; found: string }> = defineError(
  "training/example-empty",
  "An example holds nothing to predict, or no source for a model that reads one.",
  ({ field, found }) => ({
    message: `this example has no ${field} to work on`,
    field,
    expected: field === "source" ? "a source, for an encoder–decoder" : "at least one token to predict",
    found,
    next: "Leave such examples out of the data, raise maxTokens, or use a model of the other family.",
  }),
);

export const deviceMissing: ErrorFactory<{ use: string }> = defineError(
  "training/device-missing",
  "A step that computes was run in a context without an opened device.",
  ({ use }) => ({
    message: `${use} computes and was given no device`,
    field: "device",
    next: "Open a backend and pass it as the context's device.",
  }),
);

export const diverged: ErrorFactory<{ step: number; loss: number }> = defineError(
  "training/diverged",
  "The training loss is no longer a number.",
  ({ step, loss }) => ({
    message: `the loss became ${loss} by step ${step}`,
    field: "loss",
    next: "Lower the learning rate, clip gradients harder, or warm up longer.",
  }),
);

export const snapshotInvalid: ErrorFactory<{ file: string; found: string }> = defineError(
  "training/snapshot-invalid",
  "The snapshot that a cut off training run left cannot be read.",
  ({ file, found }) => ({
    message: "this is not a whole training snapshot",
    file,
    found,
    next: "Delete the file; training then starts from its beginning.",
  }),
);

export const modelMissing: ErrorFactory<{ objective: string; model: string; known: readonly string[] }> = defineError(
  "training/model-missing",
  "An objective reads a further model (a teacher) that nobody has given.",
  ({ objective, model, known }) => ({
    message: `the objective ${objective} needs the model \`${model}\``,
    field: model,
    found: known.length === 0 ? "no further models" : known.join(", "),
    next: "Give the run state a checkpoint under this name before the step that trains.",
  }),
);

export const inputsNotFinite: ErrorFactory<{ weight: string }> = defineError(
  "training/inputs-not-finite",
  "What a weight reads on calibration data held NaN or infinity, from which nothing can be measured.",
  ({ weight }) => ({
    message: "the inputs of a weight are not finite",
    field: weight,
    expected: "finite sums over the calibration data",
    found: "NaN or infinity",
    next: "Mend or retrain the checkpoint: a weight before this one was damaged, or its activations overflow.",
  }),
);

export const notPositiveDefinite: ErrorFactory<{ index: number }> = defineError(
  "training/not-positive-definite",
  "The second moments of a weight's inputs could not be inverted: inputs depend on each other and the damping is too little.",
  ({ index }) => ({
    message: "the inputs of a weight depend on each other, so that their second moments have no inverse",
    field: "damping",
    expected: "more than the rounding of the sums, 0.01 as a rule",
    found: `too little for input ${index}`,
    next: "Raise `damping`, or calibrate on more text.",
  }),
);

/** Where a row of data stands: its file and line, where it came from one. */
interface Place {
  readonly file?: string | undefined;
  readonly line?: number | undefined;
}

/** `line 12: label`, as far as it is known. */
function fieldAt({ line }: Place, field: string): string {
  return line === undefined ? field : `line ${line}: ${field}`;
}

export const exampleTooLong: ErrorFactory<{ found: number; limit: number; place?: Place | undefined }> = defineError(
  "training/example-too-long",
  "An example has more tokens than the model has positions, and nobody asked for it to be cut.",
  ({ found, limit, place = {} }) => ({
    message: "the example is longer than the model reads",
    file: place.file,
    field: fieldAt(place, "tokens"),
    expected: `at most ${limit} tokens`,
    found: `${found}`,
    next: `Set maxTokens to ${limit} or less, which cuts longer examples, or leave them out.`,
  }),
);

export const rowInvalid: ErrorFactory<{
  file: string;
  line?: number | undefined;
  field: string;
  expected: string;
  found: string;
  near?: readonly string[] | undefined;
  cause?: unknown;
}> = defineError(
  "training/row-invalid",
  "A row of a JSONL, CSV or TSV data set cannot be read, lacks a column, or holds another kind of value there.",
  ({ file, line, field, expected, found, near, cause }) => ({
    message: "this row cannot be used",
    file,
    field: fieldAt({ line }, field),
    expected,
    found: found.slice(0, 80),
    near,
    next: "Correct the row, or name the columns of this file: text, pair, label, tags, answers, choices.",
    cause,
  }),
);

export const labelsMissing: ErrorFactory<{ task: string; found: string }> = defineError(
  "training/labels-missing",
  "A head of classes was asked for, and nobody said which classes there are.",
  ({ task, found }) => ({
    message: `a head for ${task} needs the names of two classes or more`,
    field: "labels",
    expected: '`labels`, or `data` that holds them such as { "use": "rows", "file": "reviews.jsonl" }',
    found,
    next: 'Give the names, or the data set and the column that holds them; a head for numbers is { "task": "sequence-classification", "kind": "regression" }.',
  }),
);

export const exampleUnfit: ErrorFactory<{
  place?: Place | undefined;
  field: string;
  expected: string;
  found: string;
  near?: readonly string[] | undefined;
}> = defineError(
  "training/example-unfit",
  "What an example asks for is not what the model's head gives: an unknown class, a word where a number belongs, an answer of another passage.",
  ({ place = {}, field, expected, found, near }) => ({
    message: "the example does not fit the model's head",
    file: place.file,
    field: fieldAt(place, field),
    expected,
    found: found.slice(0, 80),
    near,
    next: "Correct the row, name the right column, or give the model a head for this data with train/head.",
  }),
);

export const nothingWanted: ErrorFactory<{ example: number; place?: Place | undefined; task: string }> = defineError(
  "training/nothing-wanted",
  "A model was to learn from, or to be measured on, an example that says nothing of what its head should give.",
  ({ example, place = {}, task }) => ({
    message: `example ${example} says nothing of what a head for ${task} should give`,
    file: place.file,
    field: fieldAt(place, "label"),
    next: "Name the column that says it (label, tags, answers or choices of the data set), or leave out rows without.",
  }),
);

export const taskUnknown: ErrorFactory<{ task: string; known: readonly string[] }> = defineError(
  "training/task-unknown",
  "A model's head does something that training has no rows and no objective for.",
  ({ task, known }) => ({
    message: "training does not know what this head is for",
    field: "head.task",
    expected: known.join(", "),
    found: task,
    next: "Give the model a head that training knows; `train/head` makes one.",
  }),
);

export const objectiveUnfit: ErrorFactory<{ objective?: string | undefined; task: string; takes: string }> = defineError(
  "training/objective-unfit",
  "An objective was to train a model whose head does another task, or whose output is no choice among classes.",
  ({ objective, task, takes }) => ({
    message:
      objective === undefined
        ? "the model's head gives nothing to be trained on"
        : `the objective ${objective} does not fit the model's head`,
    field: "objective",
    expected: takes,
    found: `a head for ${task}`,
    next: "Give the model another head with train/head (the command line: --head <task>), or leave the objective out, which takes the head's own.",
  }),
);
