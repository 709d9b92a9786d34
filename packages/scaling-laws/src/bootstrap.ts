/** Observations drawn with replacement (Efron 1979), as counts. */

/** How often each of `n` observations is in bootstrap draw `draw`; the counts sum to `n`. Same seed and draw, same counts. */
export function resample(n: number, seed: number, draw: number): Uint32Array {
  const counts = new Uint32Array(n);
  const key = mix(mix(seed >>> 0) ^ draw);
  for (let i = 0; i < n; i++) counts[Math.floor((mix(key ^ Math.imul(i + 1, 0x9e3779b1)) / 2 ** 32) * n)]!++;
  return counts;
}

function mix(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}
