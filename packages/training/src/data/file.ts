/** The file that a data set names, as text. */
import { readText, type FileSet } from "@pare/core";
import { dataFileMissing } from "../errors.ts";

/** @param data the set, for errors. Throws `training/data-file-missing`. */
export async function readDataFile(file: string | undefined, data: string, files: FileSet | undefined): Promise<string> {
  if (file === undefined) throw dataFileMissing({ data, found: "neither a text nor the name of a file" });
  if (files === undefined) throw dataFileMissing({ data, file, found: "no files to look in" });
  try {
    return await readText(files, file);
  } catch (cause) {
    throw dataFileMissing({
      data,
      file: `${files.location}/${file}`,
      found: cause instanceof Error ? cause.message.split("\n")[0]! : String(cause),
      cause,
    });
  }
}
