/** Output files of a name that a person chose: they appear whole, or not at all. */
import { lstat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { FileSet } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { outputExists, outputUnwritable } from "./errors.ts";

/** Refuses a name that is taken. With `force` a file may stand there, never a folder. Throws `cli/output-exists`. */
export async function checkOutFile(file: string, force: boolean, field: string): Promise<void> {
  const found = await lstat(file).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw outputUnwritable({ folder: file, field, cause });
  });
  if (found === undefined || (force && found.isFile())) return;
  throw outputExists({ file, field, found: found.isFile() ? "a file" : "a folder", replaceable: found.isFile() });
}

/** A set in which whatever is written gets the name of `file`. */
export function outFile(file: string): FileSet {
  const folder = folderFiles(dirname(file), { create: true });
  return { ...folder, write: (_name, chunks) => folder.write(basename(file), chunks) };
}
