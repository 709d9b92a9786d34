/** Values of a GGUF file's metadata as the kinds that a reader expects. */
import { ggufInvalid } from "../errors.ts";
import type { GgufFile } from "./read.ts";
import type { GgufKind, GgufScalar, GgufValue } from "./types.ts";

/** Typed look-up; a value of another kind throws `formats/gguf-invalid` naming file and key. */
export interface GgufFields {
  readonly has: (key: string) => boolean;
  /** A whole number that is safe. Throws where it is absent and there is no default. */
  readonly integer: (key: string, otherwise?: number) => number;
  readonly number: (key: string, otherwise?: number) => number;
  readonly string: (key: string, otherwise?: string) => string;
  readonly boolean: (key: string, otherwise?: boolean) => boolean;
  /** One whole number for all layers, or one each. */
  readonly perLayer: (key: string, layers: number, otherwise?: number) => readonly number[];
  readonly strings: (key: string) => readonly string[];
  /** undefined where the key is absent. */
  readonly numbers: (key: string) => readonly number[] | undefined;
  readonly fail: (key: string, expected: string, found: string) => Error;
}

export function ggufFields({ file, metadata }: Pick<GgufFile, "file" | "metadata">): GgufFields {
  const fail: GgufFields["fail"] = (key, expected, found) => ggufInvalid({ file, field: key, expected, found });
  const scalar = <Value extends GgufScalar>(
    key: string,
    expected: string,
    is: (value: GgufScalar) => Value | undefined,
    otherwise?: Value,
  ): Value => {
    const value = metadata.get(key);
    if (value === undefined && otherwise !== undefined) return otherwise;
    const found = value === undefined || value.kind === "array" ? undefined : is(value.value);
    if (found === undefined) throw fail(key, expected, show(value));
    return found;
  };
  const list = (key: string, kinds: readonly GgufKind[], expected: string): readonly GgufScalar[] => {
    const value = metadata.get(key);
    if (value?.kind !== "array" || !kinds.includes(value.of)) throw fail(key, expected, show(value));
    return value.values;
  };
  const integer: GgufFields["integer"] = (key, otherwise) => scalar(key, "a whole number", asInteger, otherwise);
  return {
    fail,
    integer,
    has: (key) => metadata.has(key),
    number: (key, otherwise) => {
      const found = scalar(
        key,
        "a finite number",
        (value) => (typeof value === "number" && Number.isFinite(value) ? value : undefined),
        otherwise,
      );
      return metadata.get(key)?.kind === "f32" ? shortest(found) : found;
    },
    string: (key, otherwise) => scalar(key, "text", (value) => (typeof value === "string" ? value : undefined), otherwise),
    boolean: (key, otherwise) => scalar(key, "true or false", (value) => (typeof value === "boolean" ? value : undefined), otherwise),
    perLayer: (key, layers, otherwise) => {
      const value = metadata.get(key);
      if (value?.kind !== "array") return Array.from({ length: layers }, () => integer(key, otherwise));
      const values = list(key, INTEGERS, "whole numbers").map(asInteger);
      if (values.length !== layers || values.includes(undefined)) throw fail(key, `${layers} whole numbers`, show(value));
      return values as number[];
    },
    strings: (key) => list(key, ["string"], "a list of texts") as readonly string[],
    numbers: (key) =>
      metadata.has(key) ? (list(key, ["f32", "f64", ...INTEGERS], "a list of numbers").map(Number) as readonly number[]) : undefined,
  };
}

/** The shortest decimal that is the same f32: 1e-5, not 0.0000099999997. */
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++)
    if (Math.fround(Number(value.toPrecision(digits))) === value) return Number(value.toPrecision(digits));
  return value;
}

const INTEGERS: readonly GgufKind[] = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"];

function asInteger(value: GgufScalar): number | undefined {
  const number = typeof value === "bigint" ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined;
}

function show(value: GgufValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value.kind === "array") return `${value.values.length} values (${value.of})`;
  return `${JSON.stringify(typeof value.value === "bigint" ? `${value.value}` : value.value).slice(0, 60)} (${value.kind})`;
}
