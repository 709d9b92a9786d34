/** File sets that need no file system. */
import type { FileSet, MutableFileSet } from "./artifact.ts";
import { nearNames } from "./error.ts";
import { fileMissing, fileNameInvalid, rangeOutsideFile } from "./errors.ts";

/**
 * Files in memory.
 *
 * @param content what it holds at first; text is kept as UTF-8.
 */
export function memoryFiles(content: Readonly<Record<string, Uint8Array | string>> = {}, location: string = "memory"): MutableFileSet {
  const files = new Map<string, Uint8Array>();
  for (const [name, data] of Object.entries(content))
    files.set(checkName(location, name), typeof data === "string" ? new TextEncoder().encode(data) : data);
  const bytesOf = (name: string): Uint8Array => {
    const bytes = files.get(checkName(location, name));
    if (bytes === undefined) throw fileMissing({ location, name, near: nearNames(name, files.keys()) });
    return bytes;
  };
  return {
    location,
    list: async (under) => below([...files.keys()], under),
    size: async (name) => bytesOf(name).length,
    read: async (name, begin = 0, end) => {
      const bytes = bytesOf(name);
      const stop = end ?? bytes.length;
      checkRange(location, name, begin, stop, bytes.length);
      return bytes.slice(begin, stop);
    },
    write: async (name, chunks) => {
      checkName(location, name);
      files.set(name, await joinChunks(chunks));
    },
    remove: async (name) => void files.delete(checkName(location, name)),
  };
}

/** The files of a folder inside a set, under their names in that folder. */
export function filesWithin(files: MutableFileSet, folder: string): MutableFileSet;
export function filesWithin(files: FileSet, folder: string): FileSet;
export function filesWithin(files: FileSet & Partial<MutableFileSet>, folder: string): FileSet {
  const prefix = `${checkName(files.location, folder)}/`;
  const inside = (name: string): string => prefix + checkName(`${files.location}/${folder}`, name);
  const { remove } = files;
  return {
    location: `${files.location}/${folder}`,
    list: async (under) => (await files.list(under === undefined ? folder : inside(under))).map((name) => name.slice(prefix.length)),
    size: async (name) => files.size(inside(name)),
    read: async (name, begin, end) => files.read(inside(name), begin, end),
    write: async (name, chunks) => files.write(inside(name), chunks),
    ...(remove === undefined ? {} : { remove: async (name: string) => remove(inside(name)) }),
  };
}

/** A file as UTF-8 text. Throws as `FileSet.read`. */
export async function readText(files: FileSet, name: string): Promise<string> {
  return new TextDecoder().decode(await files.read(name));
}

/** Writes a file of UTF-8 text. Throws as `FileSet.write`. */
export async function writeText(files: FileSet, name: string, text: string): Promise<void> {
  await files.write(name, [new TextEncoder().encode(text)]);
}

/** Takes every file away. */
export async function removeAll(files: MutableFileSet): Promise<void> {
  for (const name of await files.list()) await files.remove(name);
}

/** Gives the name back, or throws `core/file-name-invalid` where it would leave the set or mean something else elsewhere. */
export function checkName(location: string, name: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  if (/[\\\u0000-\u001f]|^[A-Za-z]:/.test(name) || name.split("/").some((part) => part === "" || part === "." || part === ".."))
    throw fileNameInvalid({ location, name });
  return name;
}

/** Throws `core/range-outside-file` unless `0 ≤ begin ≤ end ≤ size`. */
export function checkRange(location: string, name: string, begin: number, end: number, size: number): void {
  if (!(begin >= 0 && begin <= end && end <= size)) throw rangeOutsideFile({ location, name, begin, end, size });
}

/** Sorted names that lie below a folder; all without one. */
export function below(names: readonly string[], folder: string | undefined): string[] {
  return names.filter((name) => folder === undefined || name.startsWith(`${folder}/`)).sort();
}

async function joinChunks(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk.slice());
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
