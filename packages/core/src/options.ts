/** Options of plugins: checked by any Standard Schema, and always writable as JSON. */
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import { nearNames } from "./error.ts";
import { optionUnknown, optionsAsync, optionsInvalid } from "./errors.ts";
import { canonicalJson, isPlainObject, isWritten, toJson, type Json } from "./json.ts";

export interface CheckedOptions<Output> {
  /** What the plugin's code gets. */
  readonly value: Output;
  /** What is written down: with defaults filled in where the schema takes its own output again. */
  readonly json: { readonly [name: string]: Json };
}

/**
 * Checks options at once.
 *
 * @param id plugin they are for, named in errors.
 * @throws `core/options-invalid`, `core/option-unknown`, `core/options-async`, `core/not-json`.
 */
export function checkOptions<Schema extends StandardSchemaV1>(
  id: string,
  schema: Schema,
  input: unknown,
): CheckedOptions<StandardSchemaV1.InferOutput<Schema>> {
  if (!isPlainObject(input))
    throw optionsInvalid({ id, field: "options", message: "options are an object of names and values", found: typeof input });
  const written = toJson(input, "options") as CheckedOptions<unknown>["json"];
  const value = validate(id, schema, input);
  const settled = settle(schema, value);
  if (settled === undefined) {
    refuseStrangers({ id, schema }, written, value);
    return { value, json: written };
  }
  refuseUnknown({ id, schema }, written, settled, "");
  return { value, json: settled };
}

/** The JSON Schema of a plugin's options, where its schema library can say it (Standard JSON Schema). */
export function jsonSchemaOf(schema: StandardSchemaV1): object | undefined {
  const { jsonSchema } = schema["~standard"] as Partial<StandardJSONSchemaV1.Props>;
  return jsonSchema?.input({ target: "draft-2020-12", libraryOptions: { unrepresentable: "any" } });
}

function validate<Schema extends StandardSchemaV1>(id: string, schema: Schema, input: unknown): StandardSchemaV1.InferOutput<Schema> {
  const result = schema["~standard"].validate(input);
  if (result instanceof Promise) throw optionsAsync({ id });
  if (result.issues === undefined) return result.value as StandardSchemaV1.InferOutput<Schema>;
  const [issue] = result.issues;
  const path = (issue?.path ?? []).map((part) => (typeof part === "object" ? part.key : part));
  const found = path.reduce((value: unknown, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], input);
  throw optionsInvalid({
    id,
    field: path.map(String).join(".") || "options",
    message: issue?.message ?? "these options are refused",
    found: show(found),
  });
}

/** The validated options as JSON, if validating that JSON again gives the same: then they may stand for what was given. */
function settle(schema: StandardSchemaV1, value: unknown): CheckedOptions<unknown>["json"] | undefined {
  try {
    const json = toJson(value, "options");
    const again = schema["~standard"].validate(json);
    if (again instanceof Promise || again.issues !== undefined || !isPlainObject(json)) return undefined;
    return canonicalJson(again.value) === canonicalJson(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

/** A name that was given and is gone after validation would be an option that does nothing. */
function refuseUnknown(plugin: { readonly id: string; readonly schema: StandardSchemaV1 }, given: Json, kept: Json, path: string): void {
  if (Array.isArray(given) && Array.isArray(kept))
    given.forEach((part, index) => refuseUnknown(plugin, part, (kept as Json[])[index] ?? null, `${path}[${index}]`));
  if (!isPlainObject(given) || !isPlainObject(kept)) return;
  for (const [name, part] of Object.entries(given)) {
    const field = path === "" ? name : `${path}.${name}`;
    if (!Object.hasOwn(kept, name)) {
      const known = new Set([...Object.keys(kept), ...namesAt(plugin.schema, path)]);
      throw optionUnknown({ id: plugin.id, field, near: nearNames(name, known) });
    }
    refuseUnknown(plugin, part as Json, kept[name] as Json, field);
  }
}

/** The same where the schema makes something else of the options: then its JSON Schema alone says which names it takes. */
function refuseStrangers(plugin: { readonly id: string; readonly schema: StandardSchemaV1 }, given: object, made: unknown): void {
  const named = namesAt(plugin.schema, "");
  if (named.length === 0) return;
  const known = new Set([...named, ...(isPlainObject(made) ? Object.keys(made) : [])]);
  const field = Object.keys(given).find((name) => !known.has(name));
  if (field !== undefined) throw optionUnknown({ id: plugin.id, field, near: nearNames(field, known) });
}

interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
}

/** Names of the options below `path`, as far as the schema can say them: those left out too. */
function namesAt(schema: StandardSchemaV1, path: string): string[] {
  let shape = jsonSchemaOf(schema) as Shape | undefined;
  for (const part of path.split(".").filter((name) => name !== "")) shape = shape?.properties?.[part];
  return Object.keys(shape?.properties ?? {});
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "function" || isWritten(value)) return `a ${typeof value}`;
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
