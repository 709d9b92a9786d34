/** Observations drawn with replacement (Efron 1979), as counts. */
import { fork, randomWords } from "@pare/tensor-core";

/** How often each of `n` observations is in bootstrap draw `draw`; the counts sum to `n`. Same seed and draw, same counts. */
export function resample(n: number, seed: number, draw: number): Uint32Array {
  const counts = new Uint32Array(n);
  for (const word of randomWords(fork(seed, "scaling-laws/bootstrap"), draw, n)) counts[Math.floor((word / 2 ** 32) * n)]!++;
  return counts;
}
