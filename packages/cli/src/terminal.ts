/** What the command line touches of the outside, so that it also runs inside a test. */

export interface Terminal {
  /** Results alone. */
  readonly out: (text: string) => void;
  /** Everything said along the way: progress, notes, errors. */
  readonly err: (text: string) => void;
  /** Where the progress bar is drawn; absent when nobody watches. */
  readonly screen?: NodeJS.WriteStream | undefined;
  /** Folder that relative paths, `pare.config.ts` and `.pare` are looked for in. */
  readonly cwd: string;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
}
