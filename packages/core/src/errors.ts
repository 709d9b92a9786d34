/** Every error of core. */
import { defineError, type ErrorFactory } from "./error.ts";

export const secondCopy: ErrorFactory<{ first: string; second: string }> = defineError(
  "core/second-copy",
  "Two copies of @pare/core are loaded in one process; plugins of one would not be understood by the other.",
  ({ first, second }) => ({
    message: "a second copy of @pare/core is loaded",
    expected: `one copy, the first one: ${first}`,
    found: `another: ${second}`,
    next: "Make @pare/core a peer dependency of your plugins and install once more, so that one copy is left.",
  }),
);

export const pluginDuplicate: ErrorFactory<{ kind: string; id: string; packages: readonly string[] }> = defineError(
  "core/plugin-duplicate",
  "Two plugins of one kind have the same id.",
  ({ kind, id, packages }) => ({
    message: `two plugins of kind ${kind} call themselves ${id}`,
    field: id,
    found: packages.join(" and "),
    next: "Give the registry only one of them.",
  }),
);

export const pluginApiVersion: ErrorFactory<{ kind: string; id: string; package: string; expected: number; found: unknown }> = defineError(
  "core/plugin-api-version",
  "A plugin was written against another version of the plugin contract.",
  (details) => ({
    message: `the ${details.kind} ${details.id} of ${details.package} was written against another plugin contract`,
    field: details.id,
    expected: `apiVersion ${details.expected}`,
    found: `apiVersion ${String(details.found)}`,
    next: `Install versions of ${details.package} and @pare/core that belong together.`,
  }),
);

export const pluginUnknown: ErrorFactory<{ kind: string; id: string; near: readonly string[]; holder: string | undefined }> = defineError(
  "core/plugin-unknown",
  "A plugin was asked for by an id that the registry does not hold.",
  ({ kind, id, near, holder }) => ({
    message: `no ${kind} is called ${JSON.stringify(id)}`,
    field: id,
    near,
    next:
      near.length > 0
        ? `Use one of the near names${holder === undefined ? "" : `, or install the package that holds it (it may be ${holder}) and give its plugins to the registry`}.`
        : `Install the package that holds it${holder === undefined ? "" : ` (it may be ${holder})`} and give its plugins to the registry.`,
  }),
);

export const optionsInvalid: ErrorFactory<{ id: string; field: string; message: string; found?: string | undefined }> = defineError(
  "core/options-invalid",
  "Options have the wrong type or value.",
  ({ id, field, message, found }) => ({
    message,
    file: id,
    field,
    found,
    next: "Correct this option; `pare plugins --json` shows what each one takes.",
  }),
);

export const optionUnknown: ErrorFactory<{ id: string; field: string; near: readonly string[] }> = defineError(
  "core/option-unknown",
  "Options hold a name that the plugin does not take.",
  ({ id, field, near }) => ({
    message: "there is no such option",
    file: id,
    field,
    near,
    next: "Correct the name or leave the option out.",
  }),
);

export const optionsAsync: ErrorFactory<{ id: string }> = defineError(
  "core/options-async",
  "A plugin's option schema validates asynchronously, so its options cannot be checked when the step is made.",
  ({ id }) => ({
    message: "the option schema gave a promise",
    file: id,
    expected: "a schema that validates at once",
    next: "Move the asynchronous check into the plugin's run.",
  }),
);

export const notJson: ErrorFactory<{ field: string; found: string }> = defineError(
  "core/not-json",
  "A value that must be written as JSON (step options, run state, a recipe) holds something JSON cannot say.",
  ({ field, found }) => ({
    message: "this value cannot be written as JSON",
    field,
    expected: "null, booleans, finite numbers, strings, arrays and plain objects",
    found,
    next: "Pass a plain value, or name a plugin with { use, … }.",
  }),
);

export const stepInvalid: ErrorFactory<{ field: string; expected: string; found: string; next: string }> = defineError(
  "core/step-invalid",
  "A step written as JSON is not one that can be run: no `use`, or a version that the installed plugin does not have.",
  ({ field, expected, found, next }) => ({ message: "this step cannot be made", field, expected, found, next }),
);

export const stateMissing: ErrorFactory<{ step: string; name: string; known: readonly string[] }> = defineError(
  "core/state-missing",
  "A step needs a value that neither the input nor an earlier step gave.",
  ({ step, name, known }) => ({
    message: `${step} needs ${name} and nothing gave it`,
    field: name,
    found: known.length === 0 ? "nothing" : known.join(", "),
    next: `Put a step that gives ${name} before it, or give ${name} as input.`,
  }),
);

export const fileNameInvalid: ErrorFactory<{ location: string; name: string }> = defineError(
  "core/file-name-invalid",
  "A file name would leave its folder or cannot be written on every system.",
  ({ location, name }) => ({
    message: "this file name is refused",
    file: location,
    field: JSON.stringify(name),
    expected: "parts joined by / without .., empty parts, backslashes, drive letters or control characters",
    next: "Use a plain name inside the folder.",
  }),
);

export const folderMissing: ErrorFactory<{ path: string }> = defineError(
  "core/folder-missing",
  "A folder or file that was named does not exist.",
  ({ path }) => ({ message: "this path does not exist", file: path, next: "Check the path." }),
);

export const fileMissing: ErrorFactory<{ location: string; name: string; near: readonly string[] }> = defineError(
  "core/file-missing",
  "A file that is needed is not there.",
  ({ location, name, near }) => ({
    message: `there is no file ${name}`,
    file: location,
    near,
    next: "Check that the folder is complete; copy or download it again.",
  }),
);

export const rangeOutsideFile: ErrorFactory<{ location: string; name: string; begin: number; end: number; size: number }> = defineError(
  "core/range-outside-file",
  "Bytes were asked for beyond the end of a file: it is truncated, or its header is wrong.",
  ({ location, name, begin, end, size }) => ({
    message: "the file ends before the bytes that were asked for",
    file: `${location}/${name}`,
    expected: `bytes ${begin} to ${end}`,
    found: `${size} bytes`,
    next: "The file is truncated or damaged: copy or download it again.",
  }),
);

export const fileUnreadable: ErrorFactory<{ file: string; cause: unknown }> = defineError(
  "core/file-unreadable",
  "The system refused to read a file.",
  ({ file, cause }) => ({ message: reason(cause), file, next: "Check the permissions and the disk.", cause }),
);

export const fileUnwritable: ErrorFactory<{ file: string; cause: unknown }> = defineError(
  "core/file-unwritable",
  "The system refused to write a file; nothing was left under its name.",
  ({ file, cause }) => ({ message: reason(cause), file, next: "Check the permissions and the space left on the disk.", cause }),
);

export const readOnly: ErrorFactory<{ location: string }> = defineError(
  "core/read-only",
  "Something was to be written to a set of files that can only be read.",
  ({ location }) => ({ message: "these files can only be read", file: location, next: "Write to a folder." }),
);

export const cancelled: ErrorFactory<{ done: number; total: number; cause: unknown }> = defineError(
  "core/cancelled",
  "A run was stopped from outside; what was finished is kept.",
  ({ done, total, cause }) => ({
    message: `stopped after ${done} of ${total} steps`,
    next: "Run the same again: it resumes where it stopped.",
    cause,
  }),
);

export const artifactUnstable: ErrorFactory<{ name: string; kind: string; before: string; after: string }> = defineError(
  "core/artifact-unstable",
  "An artifact that was saved and loaded again has another content hash, so a resumed run would differ.",
  ({ name, kind, before, after }) => ({
    message: `an artifact of kind ${kind} changes when it is saved and loaded`,
    field: name,
    expected: `hash ${before}`,
    found: `hash ${after}`,
    next: "Make the plugin's save and load give back the same content.",
  }),
);

export const objectMissing: ErrorFactory<{ location: string; hash: string }> = defineError(
  "core/object-missing",
  "An artifact was asked for by a hash that the store does not hold whole.",
  ({ location, hash }) => ({
    message: `the store holds no whole artifact ${hash}`,
    file: location,
    next: "Run the step that makes it, or put it into the store first.",
  }),
);

export const packageMissing: ErrorFactory<{ name: string; from: string; cause: unknown }> = defineError(
  "core/package-missing",
  "The version of a package was asked for and the package is not installed where it is used.",
  ({ name, from, cause }) => ({ message: `${name} is not installed here`, file: from, field: name, next: `Install ${name}.`, cause }),
);

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
