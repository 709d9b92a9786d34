/**
 * Files under names: a folder, an archive, a browser's file list, memory. Reads are ranges, so nothing is taken whole.
 * `write` is atomic: the name appears with all its bytes, or not at all.
 */
export interface FileSet {
  /** Where the files are, for error messages: a path or a URL. */
  readonly location: string;
  /** Names relative to the set, `/`-separated, sorted. */
  readonly list: () => Promise<readonly string[]>;
  /** Bytes of a file; throws `core/file-missing`. */
  readonly size: (name: string) => Promise<number>;
  /** Bytes `[begin, end)`; the whole file without them. Throws `core/file-missing` or `core/range-outside-file`. */
  readonly read: (name: string, begin?: number, end?: number) => Promise<Uint8Array>;
  readonly write: (name: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) => Promise<void>;
}

/** A value that core can hash, store and load again without knowing what it is (a Checkpoint, a calibration table, a mask). */
export interface Artifact {
  /** Names the `artifact` plugin that loads it again. */
  readonly kind: string;
  /** Hex SHA-256 of the content: with a step's own description it is the cache key. */
  readonly hash: () => Promise<string>;
  readonly save: (files: FileSet) => Promise<void>;
}
