/** What a data set is: examples of text under a name, the same for training, calibration and evaluation. */
import { checkOptions, hashJson, resolveRef, type Named, type PluginRef, type Registry } from "@pare/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";

/** One example. Text, not ids: the model's own tokenizer decides. */
export interface Example {
  /** What an encoder–decoder reads; absent: `target` is plain text to be modelled. */
  readonly source?: string | undefined;
  /** What the model has to write. */
  readonly target: string;
}

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

/** Hex SHA-256 over the examples in their order; equal exactly when every source and target is. */
export function hashExamples(examples: readonly Example[]): Promise<string> {
  return hashJson(examples.map(({ source, target }) => (source === undefined ? [target] : [source, target])));
}
