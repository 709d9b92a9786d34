import type { Step } from "./plugin.ts";
import { runSteps, type RunOptions } from "./run.ts";

type Overwrite<A, B> = Omit<A, keyof B> & B;

/** Steps in order, typed by what they read and add: a step whose need nobody gave is a compile error. Immutable. */
export interface Pipeline<Input, State> {
  readonly steps: readonly Step<any, object>[];
  step<Gives extends object>(step: Step<State, Gives>): Pipeline<Input, Overwrite<State, Gives>>;
  /** Runs the steps; with a store, those that ran before with the same options and inputs are loaded instead. */
  run(input: Input, options?: RunOptions): Promise<State>;
}

/** An empty pipeline over the values that `run` will be given. */
export function pipeline<Input extends object>(): Pipeline<Input, Input> {
  return extend<Input, Input>([]);
}

function extend<Input, State>(steps: readonly Step<any, object>[]): Pipeline<Input, State> {
  return {
    steps,
    step: (step) => extend([...steps, step as Step<any, object>]),
    run: async (input, options) =>
      (await runSteps({ ...options, steps, state: input as Readonly<Record<string, unknown>> })).state as State,
  };
}
