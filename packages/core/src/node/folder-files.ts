/** File sets over the file system of Node. */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import type { FileSet, MutableFileSet } from "../artifact.ts";
import { isPareError, nearNames } from "../error.ts";
import { fileMissing, fileUnreadable, fileUnwritable, folderMissing, readOnly } from "../errors.ts";
import { below, checkName, checkRange } from "../files.ts";

/** One `read` of the system ends at 2 GiB; longer ranges are read in pieces of this size. */
const READ_PIECE = 1 << 30;
/** What a file is called until all its bytes are on the disk; names of this form are listed nowhere. */
const TEMPORARY = /^\.[^/]*\.[0-9a-f-]{36}\.tmp$/;

/**
 * The files of a folder and of the folders below it. Writing makes the folder, and is atomic: a temporary name, `fsync`, rename.
 * Reading never leaves the folder by a name (links inside it are followed).
 *
 * @param create take a folder that does not exist as an empty one; without it, listing one throws `core/folder-missing`.
 */
export function folderFiles(path: string, { create = false }: { readonly create?: boolean | undefined } = {}): MutableFileSet {
  const location = resolve(path);
  const pathOf = (name: string): string => join(location, ...checkName(location, name).split("/"));
  const list = async (under?: string): Promise<string[]> => {
    const names = await listFolder(under === undefined ? location : pathOf(under));
    if (names === undefined && under === undefined && !create) throw folderMissing({ path: location });
    return below(
      (names ?? []).map((name) => (under === undefined ? name : `${under}/${name}`)),
      under,
    );
  };
  const missing = async (name: string): Promise<Error> =>
    fileMissing({ location, name, near: nearNames(name, await list().catch(() => [])) });
  return {
    location,
    list,
    size: async (name) =>
      withFile(
        pathOf(name),
        () => missing(name),
        async (file) => (await file.stat()).size,
      ),
    read: async (name, begin = 0, end) =>
      withFile(
        pathOf(name),
        () => missing(name),
        async (file) => {
          const { size } = await file.stat();
          checkRange(location, name, begin, end ?? size, size);
          return readRange(file, begin, end ?? size);
        },
      ),
    write: async (name, chunks) => writeFile(pathOf(name), chunks),
    remove: async (name) => {
      const path = pathOf(name);
      await onDisk(path, () => rm(path, { force: true }));
    },
  };
}

/** A path as a file set that is only read: the folder, or the one file as a set that holds it alone. Throws `core/folder-missing`, `core/file-unreadable`. */
export async function pathFiles(path: string): Promise<FileSet> {
  const location = resolve(path);
  const found = await stat(location).catch((cause: unknown) => {
    throw isAbsent(cause) ? folderMissing({ path: location }) : fileUnreadable({ file: location, cause });
  });
  if (found.isDirectory()) return folderFiles(location);
  const folder = folderFiles(dirname(location));
  const only = basename(location);
  const checked = (name: string): string => {
    if (name !== only) throw fileMissing({ location, name, near: [only] });
    return name;
  };
  return {
    location: folder.location,
    list: async (under) => below([only], under),
    size: async (name) => folder.size(checked(name)),
    read: async (name, begin, end) => folder.read(checked(name), begin, end),
    write: async () => {
      throw readOnly({ location });
    },
  };
}

/** Names of the files below a path, `/`-separated; undefined where there is no such folder. */
async function listFolder(path: string): Promise<string[] | undefined> {
  let entries;
  try {
    entries = await readdir(path, { recursive: true, withFileTypes: true });
  } catch (cause) {
    if (isAbsent(cause)) return undefined;
    throw fileUnreadable({ file: path, cause });
  }
  const names: string[] = [];
  for (const entry of entries) {
    if (TEMPORARY.test(entry.name)) continue;
    const full = join(entry.parentPath, entry.name);
    if (entry.isFile() || (entry.isSymbolicLink() && (await stat(full).catch(() => undefined))?.isFile())) {
      names.push(
        full
          .slice(path.length + 1)
          .split(sep)
          .join("/"),
      );
    }
  }
  return names;
}

async function withFile<T>(path: string, missing: () => Promise<Error>, use: (file: FileHandle) => Promise<T>): Promise<T> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY);
    return await use(file);
  } catch (cause) {
    if (isPareError(cause)) throw cause;
    if (isAbsent(cause)) throw await missing();
    throw fileUnreadable({ file: path, cause });
  } finally {
    await file?.close();
  }
}

/** Parts of a large range that are read at once: what a read takes is mostly that of fresh memory, which one core alone gives more slowly than a fast disk. */
const LANES = 4;
const LEAST_LANE = 1 << 20;

async function readRange(file: FileHandle, begin: number, end: number): Promise<Uint8Array> {
  // Memory that nothing is written into before the file is: zeroing it first takes as long as reading from a fast disk.
  const { buffer } = Buffer.allocUnsafeSlow(end - begin);
  const bytes = new Uint8Array(buffer);
  const lane = Math.max(LEAST_LANE, Math.ceil(bytes.length / LANES));
  const starts = Array.from({ length: Math.ceil(bytes.length / lane) }, (_, i) => i * lane);
  await Promise.all(starts.map((start) => readInto(file, bytes.subarray(start, start + lane), begin + start)));
  return bytes;
}

async function readInto(file: FileHandle, bytes: Uint8Array, begin: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await file.read(bytes, done, Math.min(READ_PIECE, bytes.length - done), begin + done);
    if (bytesRead === 0) throw new Error("the file became shorter while it was read");
    done += bytesRead;
  }
}

async function writeFile(path: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomUUID()}.tmp`);
  const system = <T>(work: () => Promise<T>): Promise<T> => onDisk(path, work);
  await system(() => mkdir(folder, { recursive: true }));
  try {
    const file = await system(() => open(temporary, "wx"));
    try {
      // Errors of the chunks' maker pass as they are; only those of the disk are ours.
      for await (const chunk of chunks) await system(() => file.writeFile(chunk));
      await system(() => file.sync());
    } finally {
      await file.close();
    }
    await system(() => rename(temporary, path));
    await system(() => syncFolder(folder));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Throws `core/file-unwritable` where the system refuses. */
function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  return work().catch((cause: unknown) => {
    throw fileUnwritable({ file: path, cause });
  });
}

/** Makes the rename last through a power cut, on systems where folders can be opened. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, constants.O_RDONLY);
  await folder.sync().finally(() => folder.close());
}

/** The system says that there is no such file or folder. */
function isAbsent(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === "ENOENT" || code === "ENOTDIR";
}
