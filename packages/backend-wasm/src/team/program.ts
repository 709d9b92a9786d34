/** The phases of a program as numbers that workers read from the shared memory. */

/** A function by its place in `functionsOf`, and its arguments. */
export interface Recorded {
  readonly index: number;
  readonly args: readonly number[];
}

/** For each thread (the leader first) its calls: the same but for scratch, `[phase][task][call]`. */
export type Recording = readonly (readonly (readonly (readonly Recorded[])[])[])[];

/** Where each thread's part begins (counted in numbers), then the parts: lists as their length and their elements. */
export function encode(threads: Recording): Float64Array {
  const numbers: number[] = threads.map(() => 0);
  const list = <T>(values: readonly T[], write: (value: T) => void): void => {
    numbers.push(values.length);
    values.forEach(write);
  };
  const call = ({ index, args }: Recorded): void => {
    numbers.push(index);
    list(args, (value) => numbers.push(value));
  };
  threads.forEach((phases, thread) => {
    numbers[thread] = numbers.length;
    // The leader keeps its own calls.
    if (thread > 0) list(phases, (tasks) => list(tasks, (calls) => list(calls, call)));
  });
  return Float64Array.from(numbers);
}
