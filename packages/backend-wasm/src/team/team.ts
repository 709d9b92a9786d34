/** The leader's side of a team of threads over one shared memory. */
import { threadFailed } from "../errors.ts";
import { createSpin, take, WORD, type Spin, type Start, type Task } from "./member.ts";
import { spawn, type Worker } from "./spawn.ts";

export interface Team {
  /** The leader among them. */
  readonly threads: number;
  /** Runs the tasks of one phase on all threads; returns when all are done. `tasks` are the leader's own calls of them. */
  readonly run: (program: Program, phase: number, tasks: readonly Task[]) => void;
  readonly close: () => Promise<void>;
}

/** Where a program's phases lie for the workers, and a number that no other program of the device has. */
export interface Program {
  readonly address: number;
  readonly serial: number;
}

/** Threads that instantiate the same modules over the same shared memory. Rejects where a thread cannot start. */
export async function openTeam(threads: number, shared: Omit<Start, "words" | "thread">): Promise<Team> {
  const words = new Int32Array(new SharedArrayBuffer(4 * WORD.count));
  const started = await Promise.allSettled(Array.from({ length: threads - 1 }, (_, i) => spawn({ ...shared, words, thread: i + 1 })));
  const workers = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const close = (): Promise<void> => dismiss(words, workers);
  const failure = started.find((one) => one.status === "rejected");
  if (failure !== undefined) {
    await close();
    throw failure.reason;
  }
  const spin = createSpin();
  return { threads, run: (program, phase, tasks) => runPhase(words, spin, program, phase, tasks), close };
}

async function dismiss(words: Int32Array, workers: readonly Worker[]): Promise<void> {
  Atomics.store(words, WORD.remaining, -1);
  Atomics.notify(words, WORD.remaining);
  await Promise.all(workers.map((worker) => worker.end()));
}

function runPhase(words: Int32Array, spin: Spin, { address, serial }: Program, phase: number, tasks: readonly Task[]): void {
  Atomics.store(words, WORD.program, address / 8);
  Atomics.store(words, WORD.serial, serial);
  Atomics.store(words, WORD.phase, phase);
  Atomics.store(words, WORD.pending, tasks.length);
  Atomics.store(words, WORD.remaining, tasks.length);
  if (Atomics.load(words, WORD.sleepers) > 0) Atomics.notify(words, WORD.remaining);
  let cause: unknown;
  for (let task = take(words); task >= 0; task = take(words)) {
    const calls = tasks[task]!;
    try {
      for (let i = 0; i < calls.length; i++) calls[i]!();
    } catch (error) {
      cause = error;
      Atomics.store(words, WORD.failed, 1);
    }
    Atomics.sub(words, WORD.pending, 1);
  }
  for (let left = Atomics.load(words, WORD.pending); left > 0; left = Atomics.load(words, WORD.pending)) {
    if (!spin(words, WORD.pending, left) && MAY_WAIT) sleep(words);
  }
  if (Atomics.exchange(words, WORD.failed, 0) === 1) throw threadFailed({ cause });
}

function sleep(words: Int32Array): void {
  Atomics.store(words, WORD.waiting, 1);
  const left = Atomics.load(words, WORD.pending);
  if (left > 0) Atomics.wait(words, WORD.pending, left);
  Atomics.store(words, WORD.waiting, 0);
}

/** A browser's main thread may not sleep: it spins. */
const MAY_WAIT: boolean = typeof document === "undefined";
