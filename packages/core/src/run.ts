import type { Context, RunEvent } from "./context.ts";
import { cancelled, stateMissing } from "./errors.ts";
import type { AnyPlugin, Registry, Step } from "./plugin.ts";
import { createRegistry } from "./registry.ts";

export interface RunOptions {
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Where references in options are looked up; empty without one. */
  readonly registry?: Registry<AnyPlugin> | undefined;
  /** The opened device. */
  readonly device?: unknown;
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
}

export interface RunStepsOptions extends RunOptions {
  readonly steps: readonly Step<any, object>[];
  readonly state: Readonly<Record<string, unknown>>;
}

export interface RunResult {
  readonly state: Readonly<Record<string, unknown>>;
}

/**
 * Runs steps in order over the state.
 *
 * @throws `core/cancelled` when the signal is aborted, `core/state-missing`, and whatever a step throws.
 */
export async function runSteps(options: RunStepsOptions): Promise<RunResult> {
  const { steps, seed = 0, signal = new AbortController().signal, registry = createRegistry(), device, onEvent = () => {} } = options;
  const context: Context = { seed, signal, registry, device, emit: onEvent };
  let { state } = options;
  for (const [done, step] of steps.entries()) {
    if (signal.aborted) throw cancelled({ done, total: steps.length, cause: signal.reason });
    state = { ...state, ...(await step.run(take(step, state), context)) };
  }
  return { state };
}

/** The part of the state that a step reads. */
function take(step: Step<any, object>, state: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (step.needs === undefined) return state;
  return Object.fromEntries(
    step.needs.map((name) => {
      if (!Object.hasOwn(state, name)) throw stateMissing({ step: step.use, name, known: Object.keys(state) });
      return [name, state[name]];
    }),
  );
}
