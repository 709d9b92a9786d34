/** Output folders: they appear whole, or not at all. */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { FileSet } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { outputOccupied, outputUnwritable } from "./errors.ts";
import { PROVENANCE_FILE } from "./names.ts";

/**
 * Refuses a folder that something stands in. With `force` only one that Pare wrote may stand there, so that a slip of the hand
 * never takes another folder away. Throws `cli/output-occupied`.
 *
 * @param field what named the folder, for errors.
 */
export async function checkOutFolder(folder: string, force: boolean, field: string = "--out"): Promise<void> {
  const names = await entries(folder, field);
  if (names === undefined || names.length === 0) return;
  const ours = names.includes(PROVENANCE_FILE);
  if (force && ours) return;
  throw outputOccupied({ folder, field, found: names.slice(0, 4).join(", "), ours });
}

/**
 * Fills a folder beside `folder` and gives it that name once it is whole; what stood there is then taken away. If `fill` throws,
 * nothing has changed.
 */
export async function writeOutFolder(
  folder: string,
  force: boolean,
  fill: (files: FileSet) => Promise<void>,
  field: string = "--out",
): Promise<void> {
  await checkOutFolder(folder, force, field);
  const beside = (ending: string): string => join(dirname(folder), `.${basename(folder)}.${randomUUID()}.${ending}`);
  const temporary = beside("tmp");
  const old = beside("old");
  const system = async (work: () => Promise<unknown>): Promise<void> => {
    await work().catch((cause: unknown) => {
      throw outputUnwritable({ folder, field, cause });
    });
  };
  try {
    await system(() => mkdir(temporary, { recursive: true }));
    await fill(folderFiles(temporary));
    await checkOutFolder(folder, force, field);
    const occupied = (await entries(folder, field))?.length;
    await system(async () => {
      if (occupied === 0) await rmdir(folder);
      if (occupied !== undefined && occupied > 0) await rename(folder, old);
      await rename(temporary, folder);
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
    await rm(old, { recursive: true, force: true });
  }
}

/** Names in a folder; undefined where there is none. */
async function entries(folder: string, field: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw outputUnwritable({ folder, field, cause });
  }
}
