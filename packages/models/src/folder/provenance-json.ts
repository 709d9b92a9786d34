import { isPlainObject } from "@pare/core";
import { provenanceInvalid } from "../errors.ts";
import type { Deed, Provenance, SeenData } from "../checkpoint.ts";

/** Plain JSON; hashes as base64 of their 8 little-endian bytes, ascending. `seen` is null where nobody knows. */
export function provenanceToJson({ seen, deeds, origin }: Provenance): object {
  return {
    seen: seen === undefined ? null : seen.map(({ data, examples }) => ({ data, examples: toBase64(examples) })),
    deeds: deeds.map(({ use, version, options, seed }) => ({ use, version, options, seed })),
    ...(origin === undefined ? {} : { origin }),
  };
}

/** Throws `models/provenance-invalid` naming file and field. */
export function provenanceFromJson(json: unknown, file: string): Provenance {
  const fail = (field: string, expected: string, found: unknown): Error =>
    provenanceInvalid({ file, field, expected, found: (JSON.stringify(found) ?? "nothing").slice(0, 60) });
  if (!isPlainObject(json)) throw fail("provenance", "an object", json);
  const { seen, deeds, origin, ...rest } = json;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw fail(unknown, "seen, deeds and origin alone", rest[unknown]);
  if (origin !== undefined && typeof origin !== "string") throw fail("origin", "text", origin);
  if (!Array.isArray(deeds)) throw fail("deeds", "a list", deeds);
  if (seen !== null && !Array.isArray(seen)) throw fail("seen", "a list, or null where it is not known", seen);
  return {
    seen: seen === null ? undefined : seen.map((one, index) => seenFromJson(one, `seen[${index}]`, fail)),
    deeds: deeds.map((one, index) => deedFromJson(one, `deeds[${index}]`, fail)),
    origin,
  };
}

type Fail = (field: string, expected: string, found: unknown) => Error;

function seenFromJson(one: unknown, field: string, fail: Fail): SeenData {
  if (!isPlainObject(one) || typeof one["data"] !== "string" || typeof one["examples"] !== "string" || Object.keys(one).length !== 2) {
    throw fail(field, "data and examples", one);
  }
  const examples = fromBase64(one["examples"]);
  if (examples === undefined) throw fail(`${field}.examples`, "base64 of whole 64-bit hashes", one["examples"]);
  for (let i = 1; i < examples.length; i++) {
    if (examples[i - 1]! >= examples[i]!) throw fail(`${field}.examples`, "ascending hashes", `hash ${i} out of order`);
  }
  return { data: one["data"], examples };
}

function deedFromJson(one: unknown, field: string, fail: Fail): Deed {
  if (
    !isPlainObject(one) ||
    typeof one["use"] !== "string" ||
    !Number.isSafeInteger(one["version"]) ||
    !Number.isSafeInteger(one["seed"])
  ) {
    throw fail(field, "use, version, options and seed", one);
  }
  return { use: one["use"], version: one["version"] as number, options: one["options"], seed: one["seed"] as number };
}

function toBase64(hashes: BigUint64Array): string {
  const view = new DataView(new ArrayBuffer(hashes.length * 8));
  hashes.forEach((hash, index) => view.setBigUint64(index * 8, hash, true));
  const bytes = new Uint8Array(view.buffer);
  let text = "";
  // In pieces, because a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

function fromBase64(text: string): BigUint64Array | undefined {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return undefined;
  }
  // atob forgives spaces and missing padding; a file that was written by us has neither.
  if (binary.length % 8 !== 0 || btoa(binary) !== text) return undefined;
  const view = new DataView(Uint8Array.from(binary, (character) => character.charCodeAt(0)).buffer);
  return BigUint64Array.from({ length: binary.length / 8 }, (_, index) => view.getBigUint64(index * 8, true));
}
