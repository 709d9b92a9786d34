/** JSON as core understands it: what a step, a recipe and a key may hold. */
import { notJson } from "./errors.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** A step, objective or other made plugin value that says by itself how it is written: `{ use, version, ...options }`. */
interface Written {
  readonly use: string;
  readonly version: number;
  readonly options: unknown;
}

/**
 * The JSON form of a value. Properties that are `undefined` are left out; a live step or other value with `use`, `version`
 * and `options` becomes the reference it was made from.
 *
 * @param field what to call the value in the error.
 * @throws `core/not-json` for anything JSON cannot say: functions, NaN, dates, typed arrays, cycles.
 */
export function toJson(value: unknown, field: string): Json {
  return convert(value, field, []);
}

/** JSON text with sorted names (RFC 8785): equal values give equal text. */
export function canonicalJson(value: unknown, field: string = "value"): string {
  return print(toJson(value, field));
}

/** True for `{ … }` and for JSON-like objects of another realm; false for arrays, dates and class instances. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype as object) === null;
}

/** True for a made plugin value (a step, an objective): it knows its own description and does something. */
export function isWritten(value: unknown): value is Written {
  if (typeof value !== "object" || value === null) return false;
  const { use, version, options } = value as Partial<Written>;
  return (
    typeof use === "string" &&
    typeof version === "number" &&
    options !== undefined &&
    Object.values(value).some((part) => typeof part === "function")
  );
}

function convert(value: unknown, field: string, above: readonly unknown[]): Json {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw notJson({ field, found: String(value) });
  }
  if (typeof value !== "object") throw notJson({ field, found: value === undefined ? "undefined" : `a ${typeof value}` });
  if (above.includes(value)) throw notJson({ field, found: "a cycle" });
  const path = [...above, value];
  if (Array.isArray(value)) return Array.from(value, (part, index) => convert(part, `${field}[${index}]`, path));
  if (isWritten(value)) {
    const { use, version, options } = value;
    return { use, version, ...(convert(options, `${field}.options`, path) as object) };
  }
  if (!isPlainObject(value)) throw notJson({ field, found: `a ${(value as object).constructor.name}` });
  const out: Record<string, Json> = {};
  for (const [name, part] of Object.entries(value)) {
    if (part === undefined) continue;
    // defineProperty, so that a name like __proto__ is a name like any other.
    Object.defineProperty(out, name, {
      value: convert(part, `${field}.${name}`, path),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return out;
}

function print(value: Json): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(print).join(",")}]`;
  const fields = Object.entries(value as Readonly<Record<string, Json>>).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, part]) => `${JSON.stringify(name)}:${print(part)}`).join(",")}}`;
}
