/**
 * What runs leave behind, in any file set:
 * `objects/<hash>/` artifacts by content, `cache/<key>.json` what a step gave, `scratch/<key>/` files of a step under way,
 * `runs/<id>/record.json` run records.
 */
import { isArtifact, type FileSet, type MutableFileSet } from "./artifact.ts";
import type { RunEvent } from "./context.ts";
import { isPareError } from "./error.ts";
import { artifactUnstable, objectMissing } from "./errors.ts";
import { filesWithin, readText, writeText } from "./files.ts";
import { hashJson } from "./hash.ts";
import { canonicalJson, toJson } from "./json.ts";
import type { Registry } from "./plugin.ts";

/** What is known of a value without having it. */
export interface Stored {
  /** Kind of the artifact; "json" for a plain value. */
  readonly kind: string;
  readonly hash: string;
}

/** What a step gave when it ran. */
export interface CacheEntry {
  readonly outputs: Readonly<Record<string, Stored>>;
  readonly metrics: Readonly<Record<string, number>>;
  /** Warnings, metrics, choices and fallbacks, in order. */
  readonly events: readonly RunEvent[];
  readonly seconds: number;
  /** Highest resident memory of the process until the step ended. */
  readonly peakMemoryBytes?: number | undefined;
}

export interface RunStore {
  readonly location: string;
  /**
   * Saves a value of the run state. An artifact is whole in the store only after it was loaded again with the same hash.
   *
   * @param name what the run state calls it, for errors.
   * @throws `core/not-json`, `core/artifact-unstable`, `core/plugin-unknown` where no `artifact` plugin loads its kind.
   */
  readonly put: (name: string, value: unknown, registry: Registry) => Promise<Stored>;
  /** Throws `core/object-missing`, `core/plugin-unknown`. */
  readonly get: (hash: string, registry: Registry) => Promise<unknown>;
  readonly has: (hash: string) => Promise<boolean>;
  /** What the step of this key gave; undefined: it never ended. */
  readonly entry: (key: string) => Promise<CacheEntry | undefined>;
  /** Called once all outputs are in the store: one atomic write, so that a step has ended or has not. */
  readonly complete: (key: string, entry: CacheEntry) => Promise<void>;
  readonly scratch: (key: string) => MutableFileSet;
  /** Files of one run; the record is among them. */
  readonly run: (id: string) => MutableFileSet;
}

/** Written last into an object: without it, or with a file of another size, the object is not whole. */
const MANIFEST = "object.json";
interface Manifest {
  readonly kind: string;
  /** Bytes by file name. */
  readonly files: Readonly<Record<string, number>>;
}

/** A store in a file set, usually `folderFiles(".pare", { create: true })`. Several processes may share it. */
export function createRunStore(files: MutableFileSet): RunStore {
  const object = (hash: string): MutableFileSet => filesWithin(files, `objects/${hash}`);
  const has = async (hash: string): Promise<boolean> => (await manifestOf(object(hash))) !== undefined;
  const open = async (kind: string, folder: FileSet, registry: Registry): Promise<unknown> =>
    kind === "json" ? JSON.parse(await readText(folder, "value.json")) : registry.find("artifact", kind).load(folder, { registry });
  return {
    location: files.location,
    has,
    put: async (name, value, registry) => {
      const stored = await describeValue(name, value);
      if (await has(stored.hash)) return stored;
      const folder = object(stored.hash);
      if (isArtifact(value)) await value.save(folder);
      else await writeText(folder, "value.json", canonicalJson(value, name));
      const loaded = await describeValue(name, await open(stored.kind, folder, registry));
      if (loaded.hash !== stored.hash) throw artifactUnstable({ name, kind: stored.kind, before: stored.hash, after: loaded.hash });
      await writeText(folder, MANIFEST, JSON.stringify({ kind: stored.kind, files: await sizes(folder) } satisfies Manifest));
      return stored;
    },
    get: async (hash, registry) => {
      const manifest = await manifestOf(object(hash));
      if (manifest === undefined) throw objectMissing({ location: files.location, hash });
      return open(manifest.kind, object(hash), registry);
    },
    entry: async (key) => readJson<CacheEntry>(files, `cache/${key}.json`),
    complete: async (key, entry) => writeText(files, `cache/${key}.json`, recordJson(entry)),
    scratch: (key) => filesWithin(files, `scratch/${key}`),
    run: (id) => filesWithin(files, `runs/${id}`),
  };
}

/** Kind and hash of a value of the run state. Throws `core/not-json` for what is neither an artifact nor JSON. */
export async function describeValue(name: string, value: unknown): Promise<Stored> {
  return isArtifact(value) ? { kind: value.kind, hash: await value.hash() } : { kind: "json", hash: await hashJson(toJson(value, name)) };
}

/** JSON for records: a number JSON cannot say (a loss that became NaN) is kept as its name. */
export function recordJson(value: unknown): string {
  return `${JSON.stringify(value, (_name, part: unknown) => (typeof part === "number" && !Number.isFinite(part) ? String(part) : part), 2)}\n`;
}

async function manifestOf(folder: FileSet): Promise<Manifest | undefined> {
  const manifest = await readJson<Manifest>(folder, MANIFEST);
  if (manifest === undefined) return undefined;
  const found = await sizes(folder);
  return Object.entries(manifest.files).every(([name, size]) => found[name] === size) ? manifest : undefined;
}

async function sizes(folder: FileSet): Promise<Record<string, number>> {
  const names = (await folder.list()).filter((name) => name !== MANIFEST);
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await folder.size(name)] as const)));
}

/** undefined where the file is missing or, after a fault of the disk, not JSON. */
async function readJson<T>(files: FileSet, name: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readText(files, name)) as T;
  } catch (error) {
    if (error instanceof SyntaxError || (isPareError(error) && error.code === "core/file-missing")) return undefined;
    throw error;
  }
}
