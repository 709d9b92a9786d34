/**
 * Files under names: a folder, an archive, a browser's file list, memory. Reads are ranges, so nothing is taken whole.
 * `write` is atomic: the name appears with all its bytes, or not at all.
 */
export interface FileSet {
  /** Where the files are, for error messages: a path or a URL. */
  readonly location: string;
  /** Names relative to the set, `/`-separated, sorted; with `under`, those that lie below that folder. */
  readonly list: (under?: string) => Promise<readonly string[]>;
  /** Bytes of a file; throws `core/file-missing`. */
  readonly size: (name: string) => Promise<number>;
  /** Bytes `[begin, end)`; the whole file without them. Throws `core/file-missing` or `core/range-outside-file`. */
  readonly read: (name: string, begin?: number, end?: number) => Promise<Uint8Array>;
  /** Throws `core/file-name-invalid` for a name that would leave the set. */
  readonly write: (name: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) => Promise<void>;
}

/** Files that may also be taken away: a store, scratch files. */
export interface MutableFileSet extends FileSet {
  /** Nothing happens where there is no such file. */
  readonly remove: (name: string) => Promise<void>;
}

/** A value that core can hash, store and load again without knowing what it is (a Checkpoint, a calibration table, a mask). */
export interface Artifact {
  /** Names the `artifact` plugin that loads it again. */
  readonly kind: string;
  /** Hex SHA-256 of the content, the same after saving and loading: with a step's own description it is the cache key. */
  readonly hash: () => Promise<string>;
  readonly save: (files: FileSet) => Promise<void>;
}

/** True for a value that follows the {@link Artifact} contract. */
export function isArtifact(value: unknown): value is Artifact {
  const { kind, hash, save } = (value ?? {}) as Partial<Artifact>;
  return typeof kind === "string" && typeof hash === "function" && typeof save === "function";
}
