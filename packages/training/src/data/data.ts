/** What a data set is: examples of text under a name, the same for training, calibration and evaluation. */
import type { Named, Registry } from "@pare/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { dataOptionsInvalid } from "../errors.ts";

/** One example. Text, not ids: the model's own tokenizer decides. */
export interface Example {
  /** What an encoder–decoder reads; absent: `target` is plain text to be modelled. */
  readonly source?: string | undefined;
  /** What the model has to write. */
  readonly target: string;
}

export type Part = "train" | "test";

export interface DataSet {
  /** The data and the options that select from it, as one name: `scan/simple`. Stands in a checkpoint's provenance. */
  readonly id: string;
  readonly version: number;
  readonly citation: string;
  /** Throws `training/data-part-missing` where the data has no such part. Order is fixed and repeats are kept: training shuffles with its own seed. */
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
export type DataReference = DataSet | { readonly use: string; readonly [option: string]: unknown };

/** The data set that an option names. Throws `core/plugin-unknown` and `training/data-options-invalid`. */
export async function openData(reference: DataReference, registry: Registry): Promise<DataSet> {
  if (isDataSet(reference)) return reference;
  const { use, ...options } = reference;
  const plugin = registry.find("data", use) as DataPlugin<string, unknown>;
  const result = await plugin.define.options["~standard"].validate(options);
  if (result.issues !== undefined) throw dataOptionsInvalid({ use, issues: result.issues });
  return plugin.define.open(result.value);
}

function isDataSet(reference: DataReference): reference is DataSet {
  return typeof reference["examples"] === "function";
}

/** Hex SHA-256 over the examples in their order; equal exactly when every source and target is. */
export async function hashExamples(examples: readonly Example[]): Promise<string> {
  const text = JSON.stringify(examples.map(({ source, target }) => [source ?? null, target]));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
