/** Models of the Hugging Face Hub, by the name `hub:owner/name[@revision][/folder]`. */
import { homedir } from "node:os";
import { join } from "node:path";
import {
  API_VERSION,
  checkName,
  fileMissing,
  filesWithin,
  nearNames,
  readOnly,
  type FileSet,
  type Source,
  type SourceOptions,
} from "@pare/core";
import { hubCorrupted, hubNotCached, hubNotFound, hubTokenInvalid } from "../../errors.ts";
import { repoCache, sizeAt, type HubFile, type Listing, type RepoCache } from "./cache.ts";
import { fetchBlob } from "./download.ts";
import { isCommit, parseReference, type HubReference } from "./reference.ts";
import { hubRemote, type Remote } from "./remote.ts";

/** What the environment says otherwise. */
export interface HubOptions {
  /** Default `HF_TOKEN`; needed for what is private or gated. */
  readonly token?: string | undefined;
  /** Default `HF_ENDPOINT`, else https://huggingface.co. */
  readonly endpoint?: string | undefined;
  /** Folder of the cache; default `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else ~/.cache/huggingface/hub: that of the Hub's other clients. */
  readonly cache?: string | undefined;
  /** Default: whether `HF_HUB_OFFLINE` is 1, true, yes or on. */
  readonly offline?: boolean | undefined;
}

/**
 * Files of a repository, each fetched whole when it is first read: what no reader asks for (weights in other frameworks' formats) is not
 * fetched. Fetching goes on where it was broken off, and content is checked against the Hub's hash before it gets its name. The cache is
 * that of the Hub's Python client. A commit in place of a branch needs no network once all its files are here.
 *
 * `open` throws `models/hub-reference-invalid`, `models/hub-token-invalid`, `models/hub-not-found`, `models/hub-gated`,
 * `models/hub-unreachable`, and offline `models/hub-not-cached`; reading throws these and `models/hub-corrupted`.
 */
export function hubSource(options: HubOptions = {}): Source<"hub"> {
  return {
    kind: "source",
    id: "hub",
    version: 1,
    apiVersion: API_VERSION,
    package: "@pare/models",
    open: async (reference, given = {}) => {
      const settings = settingsOf(options, given);
      const named = parseReference(reference);
      const cache = repoCache(settings.cache, named.repo);
      const remote = settings.offline ? undefined : hubRemote({ ...settings, repo: named.repo, signal: given.signal });
      const commit = await commitOf(named, cache, remote);
      const listing = await listingOf(named, commit, cache, remote);
      const files = commitFiles({ named, cache, remote, commit, listing, progress: given.progress });
      return part(files, named, settings.endpoint);
    },
  };
}

interface Settings {
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly cache: string;
  readonly offline: boolean;
}

function settingsOf(options: HubOptions, given: SourceOptions): Settings {
  const { env } = process;
  const token = options.token ?? (env["HF_TOKEN"]?.trim() || undefined);
  if (token !== undefined && !token.startsWith("hf_")) throw hubTokenInvalid({ given: options.token === undefined ? "HF_TOKEN" : "token" });
  const home = env["HF_HOME"] || join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "huggingface");
  return {
    token,
    endpoint: (options.endpoint ?? (env["HF_ENDPOINT"] || "https://huggingface.co")).replace(/\/+$/, ""),
    cache: options.cache ?? (env["HF_HUB_CACHE"] || join(home, "hub")),
    offline: given.offline ?? options.offline ?? /^(1|true|yes|on)$/i.test(env["HF_HUB_OFFLINE"] ?? ""),
  };
}

async function commitOf({ repo, revision }: HubReference, cache: RepoCache, remote: Remote | undefined): Promise<string> {
  if (isCommit(revision)) return revision;
  if (remote === undefined) {
    const known = await cache.commitOf(revision);
    if (known === undefined || !isCommit(known)) throw hubNotCached({ repo, name: `revision ${revision}` });
    return known;
  }
  const commit = await remote.commitOf(revision);
  await cache.setCommit(revision, commit);
  return commit;
}

/** What the commit holds; offline, and where another client fetched it, undefined: its files that are here must do. */
async function listingOf(
  { repo }: HubReference,
  commit: string,
  cache: RepoCache,
  remote: Remote | undefined,
): Promise<Listing | undefined> {
  const known = await cache.listing(commit);
  if (known !== undefined) return known;
  if (remote === undefined) {
    if ((await cache.snapshot(commit).list()).length === 0) throw hubNotCached({ repo, name: `commit ${commit}` });
    return undefined;
  }
  const listing = await remote.list(commit);
  for (const name of listing.keys()) checkName(repo, name);
  await cache.keepListing(commit, listing);
  return listing;
}

interface CommitFiles {
  readonly named: HubReference;
  readonly cache: RepoCache;
  readonly remote: Remote | undefined;
  readonly commit: string;
  readonly listing: Listing | undefined;
  readonly progress: SourceOptions["progress"];
}

function commitFiles(given: CommitFiles): FileSet {
  const { named, cache, commit, listing } = given;
  const location = `hub:${named.repo}@${commit}`;
  const snapshot = cache.snapshot(commit);
  if (listing === undefined) return { ...readable(snapshot), location };
  const names = [...listing.keys()].sort();
  const fileOf = (name: string): HubFile => {
    const file = listing.get(name);
    if (file === undefined) throw fileMissing({ location, name, near: nearNames(name, names) });
    return file;
  };
  /** By name, so that a file that is read at two places at once is fetched once. */
  const here = new Map<string, Promise<void>>();
  const bring = (name: string): Promise<void> => {
    const found = here.get(name) ?? present(given, location, name, fileOf(name));
    here.set(name, found);
    found.catch(() => here.delete(name));
    return found;
  };
  return {
    ...readable(snapshot),
    location,
    list: async (under) => names.filter((name) => under === undefined || name.startsWith(`${under}/`)),
    size: async (name) => fileOf(name).size,
    read: async (name, begin, end) => {
      fileOf(name);
      await bring(name);
      return snapshot.read(name, begin, end);
    },
  };
}

/** Sees to it that a file is here under its name. Its size is held to the Hub's each time, its hash when it is fetched. */
async function present(given: CommitFiles, location: string, name: string, file: HubFile): Promise<void> {
  const { named, cache, remote, commit, progress } = given;
  const target = cache.blobPath(file.etag);
  const size = await cache
    .snapshot(commit)
    .size(name)
    .catch(() => undefined);
  if (size === file.size) return;
  if ((await sizeAt(target)) !== file.size) {
    if (remote === undefined)
      throw size === undefined ? hubNotCached({ repo: named.repo, name }) : hubCorrupted({ location, name, etag: file.etag });
    await fetchBlob({ ...file, remote, location, commit, name, target, progress });
  }
  await cache.linkBlob(commit, name, file.etag);
}

function readable(files: FileSet): FileSet {
  return {
    ...files,
    write: async () => {
      throw readOnly({ location: files.location });
    },
  };
}

/** The folder of the set that a reference names, or the one file. */
async function part(files: FileSet, { repo, path }: HubReference, endpoint: string): Promise<FileSet> {
  if (path === "") return files;
  const names = await files.list();
  if (names.some((name) => name.startsWith(`${path}/`))) return filesWithin(files, path);
  if (!names.includes(path))
    throw hubNotFound({ repo, endpoint, missing: "file", name: path, authorized: true, near: nearNames(path, names) });
  const slash = path.lastIndexOf("/");
  const folder = slash < 0 ? files : filesWithin(files, path.slice(0, slash));
  return { ...folder, list: async (under) => (under === undefined ? [path.slice(slash + 1)] : []) };
}
