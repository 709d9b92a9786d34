/**
 * The Hub's own cache, as its Python and JavaScript clients lay it out, so that what one of them fetched the others find:
 *
 *     models--<owner>--<name>/refs/<revision>                the commit that a branch or tag stood for
 *     models--<owner>--<name>/blobs/<etag>                   content, under its SHA-256 (large files) or git's SHA-1
 *     models--<owner>--<name>/snapshots/<commit>/<path>      links to it
 *     models--<owner>--<name>/pare/<commit>.json             ours: the files of that commit, which the others do not keep
 */
import { mkdir, rename, rm, stat, symlink, link } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { isPlainObject, readText, writeText, type FileSet, type MutableFileSet } from "@pare/core";
import { folderFiles } from "@pare/core/node";

/** A file of a commit. */
export interface HubFile {
  readonly size: number;
  /** Hex; 64 digits: SHA-256 of the content, 40: git's SHA-1 of it. */
  readonly etag: string;
}

/** The files of a commit by their paths. */
export type Listing = ReadonlyMap<string, HubFile>;

export interface RepoCache {
  /** The commit that a branch or tag stood for when it was last asked; undefined: nobody asked. */
  readonly commitOf: (revision: string) => Promise<string | undefined>;
  readonly setCommit: (revision: string, commit: string) => Promise<void>;
  /** What {@link RepoCache.keepListing} kept; undefined where this commit was never listed by us. */
  readonly listing: (commit: string) => Promise<Listing | undefined>;
  readonly keepListing: (commit: string, listing: Listing) => Promise<void>;
  /** Where content lies, or would lie. */
  readonly blobPath: (etag: string) => string;
  /** Gives content its name in a commit. */
  readonly linkBlob: (commit: string, path: string, etag: string) => Promise<void>;
  /** The files of a commit that are here. */
  readonly snapshot: (commit: string) => FileSet;
}

/** @param root folder of the whole cache. */
export function repoCache(root: string, repo: string): RepoCache {
  const folder = join(root, `models--${repo.replace("/", "--")}`);
  const files: MutableFileSet = folderFiles(folder, { create: true });
  const has = async (name: string): Promise<boolean> => (await sizeAt(join(folder, name))) !== undefined;
  const listingName = (commit: string): string => `pare/${commit}.json`;
  const blobPath = (etag: string): string => join(folder, "blobs", etag);
  return {
    blobPath,
    commitOf: async (revision) => {
      const name = `refs/${revision}`;
      return (await has(name)) ? (await readText(files, name)).trim() : undefined;
    },
    setCommit: (revision, commit) => writeText(files, `refs/${revision}`, commit),
    listing: async (commit) => {
      const name = listingName(commit);
      return (await has(name)) ? listingFromJson(await readText(files, name)) : undefined;
    },
    keepListing: (commit, listing) => writeText(files, listingName(commit), JSON.stringify(Object.fromEntries(listing))),
    linkBlob: async (commit, path, etag) => {
      const pointer = join(folder, "snapshots", commit, ...path.split("/"));
      await mkdir(dirname(pointer), { recursive: true });
      // A name for nothing is what a cache that was cleaned by hand leaves.
      await rm(pointer, { force: true });
      await named(blobPath(etag), pointer);
    },
    snapshot: (commit) => folderFiles(join(folder, "snapshots", commit), { create: true }),
  };
}

/** Bytes of a file, through links; undefined where there is none. */
export async function sizeAt(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true ? found.size : undefined;
}

/** Gives a file its final name. Another process may have done so first, with the same content. */
export async function settle(temporary: string, path: string): Promise<void> {
  try {
    await rename(temporary, path);
  } catch (error) {
    if ((await sizeAt(path)) === undefined) throw error;
  }
}

/** A link as the other clients make it; where the system keeps those from people, a second name of the same file. */
async function named(target: string, pointer: string): Promise<void> {
  try {
    await symlink(relative(dirname(pointer), target), pointer).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EPERM") throw error;
      return link(target, pointer);
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** undefined for a file that says something else: it is asked for again then. */
function listingFromJson(text: string): Listing | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return isPlainObject(json) ? new Map(Object.entries(json as Record<string, HubFile>)) : undefined;
  } catch {
    return undefined;
  }
}
