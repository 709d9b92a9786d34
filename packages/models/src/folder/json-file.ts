import { parseJson } from "@pare/formats";
import type { FileSet } from "@pare/core";

interface FileFault {
  readonly file: string;
  readonly field: string;
  readonly expected: string;
  readonly found: string;
}

/** The largest JSON file that a model folder plausibly holds (a tokenizer of half a million pieces has some 40 MB). */
const LIMIT = 256 * 1024 * 1024;

/** A file's JSON; `fail` makes the error for one that is too large or not JSON. */
export async function readJsonFile(files: FileSet, name: string, fail: (fault: FileFault) => Error): Promise<unknown> {
  const file = `${files.location}/${name}`;
  const size = await files.size(name);
  if (size > LIMIT) throw fail({ file, field: "size", expected: `at most ${LIMIT} bytes`, found: `${size}` });
  return parseJson(await files.read(name), (found) => fail({ file, field: "file", expected: "JSON", found }));
}
