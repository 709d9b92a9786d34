import { claimCore } from "./copy.ts";
import type { Context } from "./context.ts";
import { API_VERSION, type Job, type JobResult, type Runner } from "./plugin.ts";
import { resolveStep } from "./resolve.ts";
import { runStep, type RunDevice, type Slot } from "./step-run.ts";
import type { RunStore } from "./run-store.ts";

export interface LocalRunnerOptions {
  /** Holds the jobs' inputs and keeps their outputs: a job that ended before is not run again. */
  readonly store: RunStore;
  /** Jobs under way at once in this process; 1 without it. */
  readonly concurrency?: number | undefined;
  readonly versions?: Readonly<Record<string, string>> | undefined;
  /** Content hashes of files by the names that the jobs' options give them. */
  readonly data?: Readonly<Record<string, string>> | undefined;
}

/**
 * Carries jobs out in this process, results in the order of the jobs. The first job that fails ends the whole.
 *
 * @throws from `map`: `core/object-missing` for an input the store does not hold, and whatever a step throws.
 */
export function localRunner({ store, concurrency = 1, versions = {}, data = {} }: LocalRunnerOptions): Runner<"core/local"> {
  claimCore();
  const runJob = async (job: Job, context: Context): Promise<JobResult> => {
    const { registry, signal, chooser, emit } = context;
    const { use, version, options } = job.step;
    const step = resolveStep(registry, { ...(options as object), use, version });
    const inputs = Object.entries(job.inputs).map(([name, hash]): [string, Slot] => [
      name,
      { stored: { kind: "", hash }, value: () => store.get(hash, registry) },
    ]);
    const device = context.device as RunDevice | undefined;
    const { outputs, metrics } = await runStep(step, Object.fromEntries(inputs), {
      seed: job.seed,
      signal,
      registry,
      device,
      chooser,
      versions,
      data,
      store,
      emit,
    });
    return { job, metrics, outputs: Object.fromEntries(Object.entries(outputs).map(([name, { stored }]) => [name, stored!.hash])) };
  };
  return {
    kind: "runner",
    id: "core/local",
    version: 1,
    apiVersion: API_VERSION,
    package: "@pare/core",
    map: (jobs, context) => inOrder(jobs, concurrency, (job) => runJob(job, context), context.signal),
  };
}

/** Results in order with at most `width` pieces of work under way. */
async function* inOrder<A, B>(
  items: AsyncIterable<A> | Iterable<A>,
  width: number,
  work: (item: A) => Promise<B>,
  signal: AbortSignal,
): AsyncGenerator<B> {
  const underWay: Promise<B>[] = [];
  for await (const item of items) {
    signal.throwIfAborted();
    const result = work(item);
    // Marks the promise as seen; its failure is thrown when its turn comes.
    result.catch(() => {});
    underWay.push(result);
    if (underWay.length >= width) yield await underWay.shift()!;
  }
  while (underWay.length > 0) yield await underWay.shift()!;
}
