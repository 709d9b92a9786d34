import type { MutableFileSet } from "./artifact.ts";
import type { AnyPlugin, Registry } from "./plugin.ts";

export interface Progress {
  readonly done: number;
  readonly total: number;
  /** What is counted: "steps", "examples", "bytes". */
  readonly unit: string;
  readonly message?: string | undefined;
}

/** What a running step says; listeners show it and the run record keeps all but progress. */
export type RunEvent =
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "warning"; readonly message: string; readonly [field: string]: unknown }
  | { readonly type: "metric"; readonly [field: string]: unknown }
  /** An op ran on the reference because the device has no kernel for it; judged runs and benches fail on any. */
  | { readonly type: "fallback"; readonly op: string; readonly device: string }
  /** A kernel or storage was chosen among several, and why. */
  | { readonly type: "choice"; readonly what: string; readonly chosen: string; readonly why: string };

/** What a step may use besides its state and options. */
export interface Context {
  readonly seed: number;
  /** Aborted on Ctrl-C; long work throws `signal.reason` at its next safe point. */
  readonly signal: AbortSignal;
  readonly registry: Registry<AnyPlugin>;
  /** The opened device; stages narrow it to their tensor library's type. */
  readonly device: unknown;
  /**
   * The tensor library's Chooser: picks how stored weights run. Suites and generation use it; training never does, so that
   * its bytes do not depend on timings.
   */
  readonly chooser?: unknown;
  /**
   * Scratch files that survive a crash and belong to this step alone (same options, inputs and seed): training keeps its
   * snapshots here. Emptied once the step's outputs are stored. Absent where nothing is to be kept.
   */
  readonly scratch?: MutableFileSet | undefined;
  readonly emit: (event: RunEvent) => void;
}
