/** Every error of the command line, and what an error does to its exit code. */
import { CommanderError } from "commander";
import { PareError, defineError, isPareError, type ErrorFactory } from "@pare/core";
import { EXIT } from "./exit-codes.ts";

export const usage: ErrorFactory<{ message: string; near?: readonly string[] | undefined }> = defineError(
  "cli/usage",
  "A command, argument or flag is unknown, missing or given twice.",
  ({ message, near }) => ({ message, near, next: "See `pare --help`, or `pare <command> --help`." }),
);

export const flagInvalid: ErrorFactory<{ flag: string; expected: string; found: string }> = defineError(
  "cli/flag-invalid",
  "The value of a flag cannot be used.",
  ({ flag, expected, found }) => ({
    message: "this value cannot be used",
    field: flag,
    expected,
    found,
    next: "Correct the flag's value.",
  }),
);

export const recipeUnknown: ErrorFactory<{ name: string; file: string | undefined; known: readonly string[]; near: readonly string[] }> =
  defineError("cli/recipe-unknown", "A recipe is neither a file nor the name of one.", ({ name, file, known, near }) => ({
    message: `no file and no recipe is called ${JSON.stringify(name)}`,
    file,
    field: "--recipe",
    expected: `a .json, .yaml or .ts file, or one of ${known.join(", ")}`,
    near,
    next: "Correct the path or the name.",
  }));

export const recipeInvalid: ErrorFactory<{ file: string; field?: string | undefined; expected: string; found: string }> = defineError(
  "cli/recipe-invalid",
  "A recipe cannot be parsed, is empty, or is not a list of steps.",
  ({ file, field, expected, found }) => ({
    message: "this is not a recipe",
    file,
    field,
    expected,
    found,
    next: 'Write a list of steps: [{ "use": "<stage id>", … }].',
  }),
);

export const moduleFailed: ErrorFactory<{ file: string; field: string; cause: unknown }> = defineError(
  "cli/module-failed",
  "A recipe or configuration written as a module threw while it was loaded.",
  ({ file, field, cause }) => ({
    message: cause instanceof Error ? cause.message : String(cause),
    file,
    field,
    next: "Mend the module; it must load in Node by itself.",
    cause,
  }),
);

export const typescriptUnsupported: ErrorFactory<{ file: string; version: string }> = defineError(
  "cli/typescript-unsupported",
  "A recipe or configuration is TypeScript and this Node cannot run it.",
  ({ file, version }) => ({
    message: "this Node cannot load TypeScript",
    file,
    expected: "Node 22.18 or later",
    found: version,
    next: "Use a newer Node, or write the file as JSON, YAML or JavaScript.",
  }),
);

export const configInvalid: ErrorFactory<{ file: string; field: string; expected: string }> = defineError(
  "cli/config-invalid",
  "pare.config.ts exports something that is not a configuration.",
  ({ file, field, expected }) => ({
    message: "this is not a configuration",
    file,
    field,
    expected,
    next: "Export `defineConfig({ … })` as default.",
  }),
);

export const outputOccupied: ErrorFactory<{ folder: string; field: string; found: string; ours: boolean }> = defineError(
  "cli/output-occupied",
  "The output folder exists and is not empty.",
  ({ folder, field, found, ours }) => ({
    message: ours ? "the output folder is not empty" : "the output folder holds files that Pare did not write",
    file: folder,
    field,
    expected: "a folder that is empty or does not exist",
    found,
    next: ours ? "Name another folder, or pass --force to put the result in its place." : "Name another folder.",
  }),
);

export const outputExists: ErrorFactory<{ file: string; field: string; found: string; replaceable: boolean }> = defineError(
  "cli/output-exists",
  "Something stands where the output file would go.",
  ({ file, field, found, replaceable }) => ({
    message: `there is ${found} of this name`,
    file,
    field,
    expected: "a name that is free",
    found,
    next: replaceable ? "Give another name, or pass --force to put the result in its place." : "Give another name.",
  }),
);

export const outputUnwritable: ErrorFactory<{ folder: string; field: string; cause: unknown }> = defineError(
  "cli/output-unwritable",
  "The output folder, or the one it is to stand in, cannot be written.",
  ({ folder, field, cause }) => ({
    message: cause instanceof Error ? cause.message : String(cause),
    file: folder,
    field,
    next: "Name a folder that can be written.",
    cause,
  }),
);

export const deviceUnavailable: ErrorFactory<{ device: string; known: readonly string[]; needs: string | undefined }> = defineError(
  "cli/device-unavailable",
  "The device exists but cannot be opened on this machine.",
  ({ device, known, needs }) => ({
    message: "this device is not available here",
    field: "--device",
    found: device,
    expected: known.join(" or "),
    next: needs === undefined ? "Use another device." : `${needs} Or use another device.`,
  }),
);

export const threadsUnsupported: ErrorFactory<{ device: string; threads: number; most: number }> = defineError(
  "cli/threads-unsupported",
  "The device does not run on as many threads as were asked for.",
  ({ device, threads, most }) => ({
    message: `the device ${device} does not run on ${threads} threads here`,
    field: "--threads",
    expected: `${most}`,
    found: `${threads}`,
    next: "Leave --threads out, or use another device.",
  }),
);

export const roundingUnsupported: ErrorFactory<{ device: string }> = defineError(
  "cli/rounding-unsupported",
  "Rounded activations were asked for, and none of the model's weights has a kernel for them on this device.",
  ({ device }) => ({
    message: `no weight of this model runs over rounded activations on ${device}`,
    field: "--round-activations",
    expected: "quantized weights, or weights of f16 on an adapter with shader-f16",
    next: "Leave --round-activations out, quantize the model, or use another device.",
  }),
);

export const fileUnreadable: ErrorFactory<{ file: string; field: string; cause: unknown }> = defineError(
  "cli/file-unreadable",
  "A file named on the command line cannot be read.",
  ({ file, field, cause }) => ({
    message: cause instanceof Error ? cause.message : String(cause),
    file,
    field,
    next: "Check the path and its permissions.",
    cause,
  }),
);

export const tokenizerMissing: ErrorFactory<{ file: string }> = defineError(
  "cli/tokenizer-missing",
  "A command works on text and the model has no tokenizer.",
  ({ file }) => ({
    message: "this model has no tokenizer",
    file,
    field: "tokenizer.json",
    next: "Put the tokenizer's files beside the model's, or use another model.",
  }),
);

export const sourceMissing: ErrorFactory<{ file: string }> = defineError(
  "cli/source-missing",
  "An encoder–decoder was asked for text without being given one to read.",
  ({ file }) => ({
    message: "this model reads a text before it writes one",
    file,
    field: "--source",
    found: "nothing",
    next: "Give the text with --source.",
  }),
);

export const shapeUnknown: ErrorFactory<{ name: string; known: readonly string[]; near: readonly string[] }> = defineError(
  "cli/shape-unknown",
  "`create` was asked for a shape that has no such name.",
  ({ name, known, near }) => ({
    message: `no shape is called ${JSON.stringify(name)}`,
    field: "<shape>",
    expected: known.join(", "),
    near,
    next: "Name one of these; flags change its sizes.",
  }),
);

export const modelLost: ErrorFactory<{ found: string }> = defineError(
  "cli/model-lost",
  "The steps of a recipe left something that is not a model under `model`.",
  ({ found }) => ({
    message: "the recipe leaves no model to write",
    field: "model",
    expected: "a checkpoint",
    found,
    next: "End the recipe with a step that gives a model.",
  }),
);

export const interrupted: ErrorFactory<{ cause: unknown }> = defineError(
  "cli/interrupted",
  "Ctrl-C was pressed while work was running that keeps nothing for a next run.",
  ({ cause }) => ({ message: "stopped from outside", next: "Run the same command again.", cause }),
);

export const unexpected: ErrorFactory<{ cause: unknown }> = defineError(
  "cli/unexpected",
  "Something failed that Pare has no name for.",
  ({ cause }) => ({
    message: cause instanceof Error ? cause.message : String(cause),
    next: "This is a fault in Pare or in a plugin: report it with the command and what stands above.",
    cause,
  }),
);

/** Any thrown value as an error of the catalogue; what is thrown after Ctrl-C is a cancellation, whatever it says. */
export function toPareError(error: unknown, signal: AbortSignal): PareError {
  if (signal.aborted && !(isPareError(error) && CANCELLATIONS.has(error.code))) return interrupted({ cause: error });
  if (isPareError(error)) return error;
  if (error instanceof CommanderError) {
    if (error.code === "commander.help") return usage({ message: "a command is missing" });
    return usage({ message: error.message.replace(/^error: /, "").replaceAll("\n", " ") });
  }
  return unexpected({ cause: error });
}

/** The same error of one step of a recipe, with the file and the step's place in it, which the thrower could not know. */
export function located(
  error: unknown,
  step: { readonly file: string; readonly place: string; readonly use: string | undefined },
): unknown {
  if (!isPareError(error)) return error;
  const { file, place, use } = step;
  const inner = error.report.field;
  if (inner?.startsWith(place)) return new PareError(error.code, { ...error.report, file });
  const field = inner === undefined || inner === use ? `${place}.use` : `${place} (${use}).${inner}`;
  return new PareError(error.code, { ...error.report, file, field });
}

/** The same error of a suite's name or options, with the flag that gave them. */
export function flagged(error: unknown, use: string): unknown {
  if (!isPareError(error)) return error;
  const { field, ...report } = error.report;
  const flag = field === undefined || field === use ? "--suite" : `--options (${use}).${field}`;
  return new PareError(error.code, { ...report, file: undefined, field: flag });
}

/** Errors of the catalogue that no change of the command mends. */
const FAILURES = new Set([
  "cli/unexpected",
  "core/file-unwritable",
  "core/artifact-unstable",
  "core/object-missing",
  "models/hub-unreachable",
  "models/hub-corrupted",
]);
const CANCELLATIONS = new Set(["cli/interrupted", "core/cancelled"]);

export function exitCodeOf(error: PareError): number {
  if (CANCELLATIONS.has(error.code)) return EXIT.cancelled;
  return FAILURES.has(error.code) ? EXIT.failure : EXIT.usage;
}
