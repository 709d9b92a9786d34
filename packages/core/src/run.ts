import type { RunEvent } from "./context.ts";
import { cancelled } from "./errors.ts";
import type { AnyPlugin, Registry, Step } from "./plugin.ts";
import { startRecord, type RunRecord, type StepRecord } from "./record.ts";
import { createRegistry } from "./registry.ts";
import { runStep, type RunDevice, type Slot, type StepEnvironment } from "./step-run.ts";
import { describeValue, type RunStore } from "./run-store.ts";

/** Says that a step begins or has ended; the events it emits come between. */
export interface StepEvent {
  readonly type: "step";
  readonly index: number;
  readonly total: number;
  readonly use: string;
  readonly status: "begins" | StepRecord["status"];
}

export interface RunOptions {
  /** 0 without one. */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Where references in options and loaders of artifacts are looked up; empty without one. */
  readonly registry?: Registry<AnyPlugin> | undefined;
  /** The opened device. */
  readonly device?: RunDevice | undefined;
  /** What steps find as `context.chooser`; no part of any key. */
  readonly chooser?: unknown;
  /** Keeps outputs and the record, and makes the run resume; without one nothing is kept. */
  readonly store?: RunStore | undefined;
  /** Versions of the packages whose code decides what steps give. */
  readonly versions?: Readonly<Record<string, string>> | undefined;
  /** Content hashes of files (data sets) by the names that options give them: part of the key of each step whose options hold the name. */
  readonly data?: Readonly<Record<string, string>> | undefined;
  /** Kept in the record: a recipe, a command line. */
  readonly config?: unknown;
  readonly onEvent?: ((event: RunEvent | StepEvent) => void) | undefined;
  /** Called after each step, stored or run; `state` loads the values as they are then. */
  readonly afterStep?:
    | ((step: StepRecord, state: () => Promise<Readonly<Record<string, unknown>>>, index: number) => Promise<void>)
    | undefined;
}

export interface RunStepsOptions extends RunOptions {
  readonly steps: readonly Step<any, object>[];
  readonly state: Readonly<Record<string, unknown>>;
}

export interface RunResult {
  readonly state: Readonly<Record<string, unknown>>;
  readonly record: RunRecord;
}

/**
 * Runs steps in order over the state. With a store, a step that ended before with the same description, inputs, seed, versions
 * and kernel variant is not run again, so that the run resumes at the first step that changed or never ended.
 *
 * @throws `core/cancelled` when the signal is aborted, `core/state-missing`, and whatever a step or the store throws.
 */
export async function runSteps(options: RunStepsOptions): Promise<RunResult> {
  const {
    steps,
    seed = 0,
    signal = new AbortController().signal,
    registry = createRegistry(),
    versions = {},
    data = {},
    store,
    device,
    chooser,
    config,
  } = options;
  const onEvent = options.onEvent ?? (() => {});
  const environment: StepEnvironment = { seed, signal, registry, device, chooser, versions, data, store, emit: onEvent };
  let state = await slotsOf(options.state, store);
  const inputs = Object.fromEntries(Object.entries(state).flatMap(([name, { stored }]) => (stored === undefined ? [] : [[name, stored]])));
  const recorder = await startRecord({ config, seed, versions, data, device, inputs }, store);
  let done = 0;
  try {
    for (const [index, step] of steps.entries()) {
      if (signal.aborted) throw signal.reason;
      const tell = (status: StepEvent["status"]): void => onEvent({ type: "step", index, total: steps.length, use: step.use, status });
      tell("begins");
      const outcome = await runStep(step, state, environment);
      state = { ...state, ...outcome.outputs };
      done = index + 1;
      const now = state;
      const record = await recorder.step(step, outcome);
      tell(record.status);
      await options.afterStep?.(record, () => valuesOf(now), index);
    }
    const values = await valuesOf(state);
    await recorder.end("complete");
    return { state: values, record: recorder.record() };
  } catch (cause) {
    // What a step throws because it was stopped is a cancellation too.
    const thrown = signal.aborted ? cancelled({ done, total: steps.length, cause }) : cause;
    await recorder.end(signal.aborted ? "cancelled" : "failed", thrown, steps[done]?.use);
    throw thrown;
  }
}

async function slotsOf(state: Readonly<Record<string, unknown>>, store: RunStore | undefined): Promise<Readonly<Record<string, Slot>>> {
  const slots: Record<string, Slot> = {};
  for (const [name, value] of Object.entries(state)) {
    slots[name] = { stored: store === undefined ? undefined : await describeValue(name, value), value: async () => value };
  }
  return slots;
}

async function valuesOf(state: Readonly<Record<string, Slot>>): Promise<Readonly<Record<string, unknown>>> {
  return Object.fromEntries(await Promise.all(Object.entries(state).map(async ([name, slot]) => [name, await slot.value()] as const)));
}
