/** What a data set is: examples of text under a name, the same for training, calibration and evaluation. */
import { checkOptions, hashJson, resolveRef, type Named, type PluginRef, type Registry } from "@pare/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";

/** One example. Text, not ids: the model's own tokenizer decides. */
export interface Example {
  /** What a model that writes reads first, the first of two texts that an encoder reads together; absent: `target` stands alone. */
  readonly source?: string | undefined;
  /** What the model has to write; the text, or the second of two, that an encoder reads. */
  readonly target: string;
  /** What an encoder has to say of it; absent: nothing but the text itself. */
  readonly wanted?: Wanted | undefined;
  /** Where it stands, for messages. */
  readonly place?: { readonly file: string; readonly line: number } | undefined;
}

/** By the head that it is for. */
export type Wanted =
  /** A class by its name, several classes, or numbers. */
  | { readonly label: string | number | readonly (string | number)[] }
  /** The class of each word of `target`, in UTF-16 offsets. */
  | { readonly tags: readonly { readonly begin: number; readonly end: number; readonly tag: string }[] }
  /** Parts of `target` that answer `source`; any of them is right. None: it holds no answer. */
  | { readonly answers: readonly { readonly begin: number; readonly text: string }[] }
  /** What may follow `target`, and the place of the one that does. */
  | { readonly choices: readonly string[]; readonly right: number };

export type Part = "train" | "test";

export interface DataSet {
  /** With `version` and `options`: how recipes write it, so that a step that holds the value is still plain JSON. */
  readonly use: string;
  readonly version: number;
  readonly options: unknown;
  /** The data and the options that select from it, as one name: `scan/simple`. Stands in a checkpoint's provenance. */
  readonly id: string;
  readonly citation: string;
  /** Order is fixed and repeats are kept: training shuffles with its own seed. */
  readonly examples: (part: Part) => Promise<readonly Example[]>;
}

/** What a `data` plugin defines; `open` reads nothing before `examples` is asked for. */
export interface DataDefinition<Input> {
  readonly citation: string;
  readonly options: StandardSchemaV1<Input, unknown>;
  /** Gets validated options. */
  readonly open: (options: Input) => DataSet;
}

export type DataPlugin<Id extends string, Input> = Named<"data", Id, DataDefinition<Input>>;

/** How options name a data set: the value itself, or plain JSON `{ use: "scan", split: "simple" }`. */
export type DataReference = DataSet | PluginRef;

/**
 * The data set that an option names.
 *
 * @param field the option, for errors.
 * @throws `core/plugin-unknown`, `core/options-invalid`, `core/option-unknown`.
 */
export function openData(reference: DataReference, registry: Registry, field: string = "data"): DataSet {
  return resolveRef<"data", DataSet>(registry, "data", reference as DataSet | PluginRef, openPlugin, field);
}

function openPlugin({ id, define }: DataPlugin<string, unknown>, options: unknown): DataSet {
  return define.open(checkOptions(id, define.options, options).value);
}

/** A schema's check for an option that holds a {@link DataReference}. */
export function isDataReference(value: unknown): value is DataReference {
  return typeof value === "object" && value !== null && typeof (value as { use?: unknown }).use === "string";
}

/** Hex SHA-256 over the examples in their order; equal exactly when every source, target and what is wanted of them is. */
export function hashExamples(examples: readonly Example[]): Promise<string> {
  const texts = ({ source, target }: Example): string[] => (source === undefined ? [target] : [source, target]);
  return hashJson(
    examples.map((example) => (example.wanted === undefined ? texts(example) : { texts: texts(example), wanted: example.wanted })),
  );
}
