/**
 * What every thread of a team does. This file imports nothing: the builder embeds its text, so that a worker needs no file of
 * its own and bundlers need no setting (`src/generated/member.ts`).
 *
 * Threads meet over the words of `control`. A phase is a number of tasks; whoever lowers REMAINING from n to n − 1 runs task
 * n − 1, which is why the phase cannot end while it runs. The last to lower PENDING ends the phase.
 */

/** Words, each on a cache line that others do not write. */
export const WORD = {
  /** Tasks that nobody has taken; negative: leave. */
  remaining: 0,
  /** Tasks that are not finished. */
  pending: 16,
  /** Workers asleep until REMAINING changes. */
  sleepers: 32,
  /** 1 while the leader sleeps until PENDING changes. */
  waiting: 48,
  /** The program's address ÷ 8, its number, and which of its phases is on. */
  program: 64,
  serial: 65,
  phase: 66,
  /** 1 when a task threw. */
  failed: 80,
  count: 96,
} as const;

export type Call = () => unknown;
export type Task = readonly Call[];

export interface Start {
  readonly words: Int32Array;
  readonly memory: WebAssembly.Memory;
  readonly modules: readonly WebAssembly.Module[];
  /** From 1 on; the leader is 0. */
  readonly thread: number;
}

/** Pauses before a thread sleeps: some tens of microseconds, and next to nothing where threads are more than cores. */
const LONG = 2000;
const SHORT = 20;
/** Milliseconds that no spin takes unless its core was given to somebody else; so many spins after that are short. */
const HELD_UP = 1;
const CALM = 500;

const pause: () => void = (Atomics as { pause?: () => void }).pause ?? ((): void => undefined);

/** Spins for a while until the word differs from a value; true when it does. */
export type Spin = (words: Int32Array, word: number, value: number) => boolean;

/** A thread's way to spin, which learns whether its core is its own. */
export function createSpin(): Spin {
  let calm = 0;
  return (words, word, value) => {
    const begin = performance.now();
    let pauses = calm > 0 ? SHORT : LONG;
    while (Atomics.load(words, word) === value && pauses > 0) {
      pause();
      pauses--;
    }
    if (performance.now() - begin > HELD_UP) calm = CALM;
    else if (calm > 0) calm--;
    return pauses > 0;
  };
}

/** Takes a task of the phase that is on: its index, or −1 when none is left. */
export function take(words: Int32Array): number {
  for (;;) {
    const left = Atomics.load(words, WORD.remaining);
    if (left <= 0) return -1;
    if (Atomics.compareExchange(words, WORD.remaining, left, left - 1) === left) return left - 1;
  }
}

/** All exported functions of the modules over one memory, in an order that every thread finds alike. */
export function functionsOf(
  modules: readonly WebAssembly.Module[],
  instances: readonly WebAssembly.Instance[],
): ((...args: number[]) => unknown)[] {
  return modules.flatMap((module, i) =>
    WebAssembly.Module.exports(module).map(({ name }) => instances[i]!.exports[name] as (...args: number[]) => unknown),
  );
}

/** Joins the team: instantiates its modules, says so, and works until told to leave. */
export function join({ words, memory, modules, thread }: Start, ready: () => void): void {
  const instances = modules.map((module) => new WebAssembly.Instance(module, { env: { memory } }));
  const functions = functionsOf(modules, instances);
  const programs = new Map<number, { readonly serial: number; readonly phases: readonly (readonly Task[])[] }>();
  const phaseNow = (): readonly Task[] => {
    const [address, serial] = [Atomics.load(words, WORD.program) * 8, Atomics.load(words, WORD.serial)];
    let program = programs.get(address);
    if (program?.serial !== serial) {
      program = { serial, phases: decode(new Float64Array(memory.buffer, address), thread, functions) };
      programs.set(address, program);
    }
    return program.phases[Atomics.load(words, WORD.phase)]!;
  };
  const spin = createSpin();
  ready();
  for (;;) {
    const task = take(words);
    if (task >= 0) {
      try {
        for (const call of phaseNow()[task]!) call();
      } catch {
        Atomics.store(words, WORD.failed, 1);
      }
      if (Atomics.sub(words, WORD.pending, 1) === 1 && Atomics.load(words, WORD.waiting) === 1) Atomics.notify(words, WORD.pending);
    } else if (Atomics.load(words, WORD.remaining) < 0) return;
    else if (!spin(words, WORD.remaining, 0)) {
      Atomics.add(words, WORD.sleepers, 1);
      Atomics.wait(words, WORD.remaining, 0);
      Atomics.sub(words, WORD.sleepers, 1);
    }
  }
}

/** Reads what `encode` in `program.ts` wrote. */
function decode(numbers: Float64Array, thread: number, functions: readonly ((...args: number[]) => unknown)[]): Task[][] {
  let at = numbers[thread]!;
  const list = <T>(read: () => T): T[] => Array.from({ length: numbers[at++]! }, read);
  const call = (): Call => {
    const run = functions[numbers[at++]!]!;
    const args = list(() => numbers[at++]!);
    return run.bind(undefined, ...args);
  };
  return list(() => list(() => list(call)));
}
