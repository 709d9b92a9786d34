/** Configs whose `head` has the fields of its task. */
import { isPlainObject, nearNames } from "@pare/core";
import { z } from "zod";
import { configInvalid } from "../../errors.ts";
import { parseConfig } from "../config.ts";
import type { EncoderHead, HeadOptions } from "./head.ts";

/** Throws `models/config-invalid`. */
export function parseHeaded<Config>(
  heads: readonly EncoderHead[],
  fields: Readonly<Record<string, z.ZodType>>,
  raw: unknown,
  file: string,
): Config & { readonly head: HeadOptions } {
  const { head: given, ...rest } = isPlainObject(raw) ? raw : {};
  const task = isPlainObject(given) ? given["task"] : undefined;
  const head = heads.find((one) => one.task === task);
  const known = heads.map((one) => one.task);
  if (head === undefined) {
    const near = typeof task === "string" ? nearNames(task, known) : [];
    const expected = near.length > 0 ? near.join(" or ") : known.join(", ");
    throw configInvalid({ file, field: "head.task", expected, found: JSON.stringify(task) ?? "nothing" });
  }
  const config = parseConfig(z.strictObject(fields), rest, file) as Config;
  const { head: options } = parseConfig(z.object({ head: head.options }), { head: given }, file);
  return { ...config, head: options };
}
