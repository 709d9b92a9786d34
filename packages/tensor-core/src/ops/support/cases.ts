/** Makers of small, repeatable case tensors: what a case holds depends on its name alone. */
import { sizeOf } from "../../dim.ts";
import { f32, i32, type HostTensor } from "../../host.ts";
import { fork, randomWords, shuffled, uniform } from "../../rng.ts";

/** Sizes around the lane counts of vector units: below, at and past 4, 8, 16 and 32. */
export const ODD_SIZES: readonly number[] = [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33];

export interface Sampler {
  /** Uniform in [low, high), default [−1, 1). */
  readonly f32: (shape: readonly number[], low?: number, high?: number) => HostTensor;
  /** Multiples of 1/16 around 0 in random order, no two equal: a small step changes no order among them. */
  readonly distinct: (shape: readonly number[]) => HostTensor;
  /** Uniform whole numbers in [low, high). */
  readonly i32: (shape: readonly number[], low: number, high: number) => HostTensor;
  readonly u8: (shape: readonly number[], high?: number) => HostTensor;
}

/** Each call draws from a stream of its own. */
export function sampler(name: string): Sampler {
  const seed = fork(2026, name);
  let stream = 0;
  const whole = (count: number, low: number, high: number): number[] =>
    Array.from(randomWords(seed, stream++, count), (word) => low + (word % (high - low)));
  return {
    f32: (shape, low = -1, high = 1) =>
      f32(
        shape,
        uniform(seed, stream++, sizeOf(shape)).map((x) => low + x * (high - low)),
      ),
    distinct: (shape) =>
      f32(
        shape,
        Float32Array.from(shuffled(seed, stream++, sizeOf(shape)), (rank) => (rank - sizeOf(shape) / 2) / 16),
      ),
    i32: (shape, low, high) => i32(shape, whole(sizeOf(shape), low, high)),
    u8: (shape, high = 256) => ({ dtype: "u8", shape, data: Uint8Array.from(whole(sizeOf(shape), 0, high)) }),
  };
}
