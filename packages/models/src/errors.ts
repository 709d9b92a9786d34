/** Every error of models. */
import { defineError, type ErrorFactory } from "@pare/core";

interface Fault {
  readonly file: string;
  readonly field: string;
  readonly expected: string;
  readonly found: string;
}

function fault(code: string, summary: string, message: string, next: string): ErrorFactory<Fault & { readonly near?: readonly string[] }> {
  return defineError(`models/${code}`, summary, (details) => ({ message, ...details, next }));
}

export const configInvalid: ErrorFactory<Fault> = fault(
  "config-invalid",
  "A model's config.json is not valid for its architecture.",
  "the config is not valid",
  "Correct the field, or write the model again with the tool that made it.",
);

export const weightShapeMismatch: ErrorFactory<Fault> = fault(
  "weight-shape-mismatch",
  "A weight has another shape than the config says.",
  "the weight does not have the shape that the config says",
  "Put the config and the weights of one model together.",
);

export const weightMissing: ErrorFactory<Fault & { readonly near?: readonly string[] }> = fault(
  "weight-missing",
  "A weight that the config asks for is not in the file.",
  "the weight is missing",
  "Put the config and the weights of one model together.",
);

export const weightExtra: ErrorFactory<Fault & { readonly near?: readonly string[] }> = fault(
  "weight-extra",
  "A file holds a tensor that the model has no use for.",
  "the model has no such weight",
  "Put the config and the weights of one model together.",
);

export const weightInvalid: ErrorFactory<Fault & { readonly cause?: unknown }> = fault(
  "weight-invalid",
  "The parts of a stored weight contradict each other or its descriptor.",
  "the stored weight is not valid",
  "Write the model again with the tool that made it; the file may be damaged.",
);

export const weightNotFinite: ErrorFactory<Fault> = fault(
  "weight-not-finite",
  "A weight holds NaN or an infinity.",
  "the weight holds a value that is no number",
  "Use a checkpoint from before the training run diverged, or fetch the file again.",
);

export const weightNameInvalid: ErrorFactory<{ weight: string }> = defineError(
  "models/weight-name-invalid",
  "A weight's name cannot stand in a model file: it is empty or holds the mark that separates parts.",
  ({ weight }) => ({
    message: "this name cannot stand in a file",
    field: JSON.stringify(weight),
    next: "Give the weight a name without #.",
  }),
);

export const weightUnknown: ErrorFactory<{ weight: string; near: readonly string[] }> = defineError(
  "models/weight-unknown",
  "A weight was named that the architecture does not have under this config.",
  ({ weight, near }) => ({
    message: "the architecture has no such weight",
    field: weight,
    near,
    next: "Use a name from the architecture's weights(config).",
  }),
);

export const pluginMissing: ErrorFactory<{ file: string; field: string; kind: string; id: string; near: readonly string[] }> = defineError(
  "models/plugin-missing",
  "A model file names an architecture or storage that the registry does not hold.",
  ({ file, field, kind, id, near }) => ({
    message: `no ${kind} is called ${JSON.stringify(id)}`,
    file,
    field,
    near,
    next: `Install the package that holds the ${kind} ${JSON.stringify(id)} and give it to the registry (sparse storages: @pare/sparse-kernels).`,
  }),
);

export const folderUnknown: ErrorFactory<{ file: string; found: string }> = defineError(
  "models/folder-unknown",
  "A folder holds nothing that a known format or architecture could read as a model.",
  ({ file, found }) => ({
    message: "this is not a model that can be read",
    file,
    expected: "config.json with model.safetensors, or a llama2.c checkpoint",
    found,
    next: "Name the folder that holds the model's files.",
  }),
);

export const provenanceInvalid: ErrorFactory<Fault> = fault(
  "provenance-invalid",
  "A model's provenance.json is not valid.",
  "the provenance is not valid",
  "Take the file from an undamaged copy; what a model has seen cannot be guessed.",
);

export const tokenizerInvalid: ErrorFactory<Fault> = fault(
  "tokenizer-invalid",
  "A tokenizer lacks a piece, contradicts itself, or does not fit the model's vocabulary.",
  "the tokenizer is not valid",
  "Put the tokenizer that the model was trained with into the folder.",
);

export const textNotEncodable: ErrorFactory<{ text: string }> = defineError(
  "models/text-not-encodable",
  "Text holds a word or character that the tokenizer has no piece for, and it has no piece for unknown text either.",
  ({ text }) => ({
    message: "the tokenizer has no pieces for this text",
    found: JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text),
    next: "Use words that the tokenizer knows, or a tokenizer with a piece for unknown text.",
  }),
);

export const rowsInvalid: ErrorFactory<{ field: string; expected: string; found: string }> = defineError(
  "models/rows-invalid",
  "Token rows given to a session cannot be run: empty, of other number than their sources, or with ids outside the vocabulary.",
  ({ field, expected, found }) => ({
    message: "these token rows cannot be run",
    field,
    expected,
    found,
    next: "Correct the rows that are given to the session.",
  }),
);

export const architectureMissing: ErrorFactory<{ architecture: string }> = defineError(
  "models/architecture-missing",
  "A session was opened without the architecture of its checkpoint and without a registry to find it in.",
  ({ architecture }) => ({
    message: "nobody said how this model computes",
    field: "architecture",
    expected: `the architecture ${JSON.stringify(architecture)}, or a registry that holds it`,
    next: "Pass `registry` or `architecture` to `openSession`.",
  }),
);

export const tokenizerMissing: ErrorFactory<{ part: string }> = defineError(
  "models/tokenizer-missing",
  "Text was asked of a model that has no tokenizer, or whose tokenizer has no begin token.",
  ({ part }) => ({
    message: `the model lacks ${part}, so it cannot read or write text`,
    next: "Put tokenizer.json and tokenizer_config.json beside the model, or use token ids.",
  }),
);

export const headUnfit: ErrorFactory<{ use: string; architecture: string; expected: readonly string[]; found: string }> = defineError(
  "models/head-unfit",
  "A model was asked for something that its head does not give: labels of a language model, text of an encoder.",
  ({ use, architecture, expected, found }) => ({
    message: `this model cannot ${use}`,
    field: architecture,
    expected: `a head for ${expected.join(" or ")}`,
    found,
    next: "Use a model that was trained for this task; `pare inspect` says what a model's head is for.",
  }),
);

export const headFixed: ErrorFactory<{ architecture: string }> = defineError(
  "models/head-fixed",
  "Another head was asked for of an architecture that has but one.",
  ({ architecture }) => ({
    message: "this architecture keeps the head it has",
    field: architecture,
    expected: "an encoder such as bert",
    next: "Use an encoder, or train the model for what its head is for.",
  }),
);

export const notExpressible: ErrorFactory<Fault> = fault(
  "not-expressible",
  "A format cannot say something that the model has: heads that differ from layer to layer, an option of another library.",
  "the format cannot say this",
  "Save the model as a Pare folder, which can say all of it, or leave out the step that made it so.",
);

export const cacheMissing: ErrorFactory<{ architecture: string }> = defineError(
  "models/cache-missing",
  "A decoding call with its cache was asked for of a model that has none of its own.",
  ({ architecture }) => ({
    message: "this model does not decode by a cache of its own alone",
    field: architecture,
    next: "Export its forward pass (cache: false).",
  }),
);

export const memoryMissing: ErrorFactory<{ architecture: string }> = defineError(
  "models/memory-missing",
  "A text was to be read in segments by a model that remembers nothing of the segment before.",
  ({ architecture }) => ({
    message: "this model remembers nothing of the segment before",
    field: architecture,
    expected: "an architecture with a memory, such as xlnet",
    next: "Open a session, and read the text as a whole.",
  }),
);

export const calibrationMissing: ErrorFactory<Record<string, never>> = defineError(
  "models/calibration-missing",
  "Static quantization was asked for without examples to measure activations on.",
  () => ({
    message: "there is nothing to measure activations on",
    field: "calibration",
    next: "Give examples as texts or rows of token ids, or choose a flavour that needs none.",
  }),
);

export const deviceUnavailable: ErrorFactory<{ backends: string }> = defineError(
  "models/device-unavailable",
  "Work that needs a device was asked for, and none of the backends is available on this machine.",
  ({ backends }) => ({
    message: "no backend is available here",
    field: "backend",
    found: backends,
    next: "Register a backend that this machine has.",
  }),
);

export const valueTooLarge: ErrorFactory<Fault> = fault(
  "value-too-large",
  "A weight holds a number that the element type asked for cannot hold.",
  "the number does not fit the type",
  "Write the model in a wider type, f32.",
);

export const hubReferenceInvalid: ErrorFactory<{ reference: string }> = defineError(
  "models/hub-reference-invalid",
  "What stands after `hub:` names no repository.",
  ({ reference }) => ({
    message: "this names no repository of the Hub",
    field: `hub:${reference}`,
    expected: "hub:owner/name, hub:owner/name@revision or hub:owner/name@revision/folder",
    next: "Correct the name; slashes of a revision are written %2F.",
  }),
);

export const hubTokenInvalid: ErrorFactory<{ given: string }> = defineError(
  "models/hub-token-invalid",
  "The access token for the Hub is not one.",
  ({ given }) => ({
    message: "this is no access token of the Hub",
    field: given,
    expected: "a text that begins with hf_",
    next: "Correct the token, or leave it out for what is public.",
  }),
);

export const hubNotFound: ErrorFactory<{
  repo: string;
  endpoint: string;
  missing: "repository" | "revision" | "file";
  name: string;
  authorized: boolean;
  near?: readonly string[];
}> = defineError(
  "models/hub-not-found",
  "The Hub has no such repository, revision or file, or keeps it from who asks.",
  ({ repo, endpoint, missing, name, authorized, near }) => ({
    message: `the Hub has no such ${missing}${missing === "repository" ? ", or it is private" : ""}`,
    file: `${endpoint}/${repo}`,
    field: name,
    near,
    next: authorized || missing !== "repository" ? "Check the name." : "Check the name; for a private repository set HF_TOKEN.",
  }),
);

export const hubGated: ErrorFactory<{ repo: string; endpoint: string; authorized: boolean }> = defineError(
  "models/hub-gated",
  "A repository of the Hub is given only to those who agreed to its terms.",
  ({ repo, endpoint, authorized }) => ({
    message: "this repository is not given to everyone",
    file: `${endpoint}/${repo}`,
    found: authorized ? "a token without access to it" : "no token",
    next: `Ask for access at ${endpoint}/${repo}${authorized ? "." : ", and set HF_TOKEN to a token of that account."}`,
  }),
);

export const hubNotCached: ErrorFactory<{ repo: string; name: string }> = defineError(
  "models/hub-not-cached",
  "Something of the Hub was asked for offline that was not fetched before.",
  ({ repo, name }) => ({
    message: `${name} is not in the cache`,
    file: `hub:${repo}`,
    next: "Run once without --offline and HF_HUB_OFFLINE.",
  }),
);

export const hubUnreachable: ErrorFactory<{ endpoint: string; what: string; why: string; cause: unknown }> = defineError(
  "models/hub-unreachable",
  "The Hub did not answer, or not as it should; what was fetched so far is kept.",
  ({ endpoint, what, why, cause }) => ({
    message: why,
    file: endpoint,
    field: what,
    next: "Run the same again: it goes on where it stopped. With --offline or HF_HUB_OFFLINE=1 what was fetched before is used.",
    cause,
  }),
);

export const hubCorrupted: ErrorFactory<{ location: string; name: string; etag: string }> = defineError(
  "models/hub-corrupted",
  "A file of the Hub does not have the size or hash that the Hub says.",
  ({ location, name, etag }) => ({
    message: "the file that came is not the one that the Hub lists",
    file: location,
    field: name,
    expected: `content of the ${etag.length === 64 ? "SHA-256" : "git hash"} ${etag}`,
    next: "Run the same again without --offline; if it happens twice, something between here and the Hub changes files.",
  }),
);
