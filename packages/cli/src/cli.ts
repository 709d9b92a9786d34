import type { ProgressView } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

/** What every command gets. */
export interface Cli {
  readonly terminal: Terminal;
  /** One JSON object on stdout and nothing else there; no progress. */
  readonly json: boolean;
  /** Sources of models ask no network; without it, as their environment says. */
  readonly offline: boolean;
  readonly progress: ProgressView;
}
