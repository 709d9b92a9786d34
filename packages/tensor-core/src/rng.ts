/**
 * Counter-based random numbers: the same seed and stream give the same numbers in any order, on any number of threads.
 * Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
 */

/** Key of the generator: two 32-bit words. A plain number stands for its low and high words. */
export type Seed = number | readonly [number, number];

/** The two words of a seed, unsigned. */
function seedWords(seed: Seed): readonly [number, number] {
  return typeof seed === "number" ? [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0] : [seed[0] >>> 0, seed[1] >>> 0];
}

/** A seed of its own for a named part of the work; different names give unrelated seeds. */
export function fork(seed: Seed, name: string): readonly [number, number] {
  let a = 0x811c9dc5;
  let b = 0x2f0b4a27;
  for (const byte of new TextEncoder().encode(name)) {
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x85ebca6b);
  }
  const words = new Uint32Array(4);
  const [key0, key1] = seedWords(seed);
  philox(words, [a, b, name.length, 0xf04b], key0, key1);
  return [words[0]!, words[1]!];
}

/** Words `[start, start + count)` of a stream: word i is lane `i mod 4` of the block at counter (⌊i/4⌋, stream, 0). */
export function randomWords(seed: Seed, stream: number, count: number, start = 0): Uint32Array {
  const words = new Uint32Array(count);
  const block = new Uint32Array(4);
  const [key0, key1] = seedWords(seed);
  for (let at = 0, index = Math.floor(start / 4), lane = start % 4; at < count; index++, lane = 0) {
    philox(block, [index, Math.floor(index / 2 ** 32), stream, 0], key0, key1);
    while (lane < 4 && at < count) words[at++] = block[lane++]!;
  }
  return words;
}

/** Numbers in [0, 1) with 24 random bits: what the op `random-uniform` gives on a device. */
export function uniform(seed: Seed, stream: number, count: number, start = 0): Float32Array {
  const numbers = new Float32Array(count);
  randomWords(seed, stream, count, start).forEach((word, i) => (numbers[i] = (word >>> 8) * 2 ** -24));
  return numbers;
}

/** Standard normal numbers: the two of Box and Muller (1958) from each pair of words. */
export function normal(seed: Seed, stream: number, count: number): Float32Array {
  const words = randomWords(seed, stream, count + (count % 2));
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const pair = i - (i % 2);
    const radius = Math.sqrt(-2 * Math.log((words[pair]! + 1) * 2 ** -32));
    const angle = 2 * Math.PI * words[pair + 1]! * 2 ** -32;
    out[i] = radius * (i === pair ? Math.cos(angle) : Math.sin(angle));
  }
  return out;
}

/** The numbers 0…n−1 in a random order, every order equally likely (Fisher–Yates, biased draws rejected). */
export function shuffled(seed: Seed, stream: number, n: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, index) => index);
  let position = 0;
  let words = randomWords(seed, stream, n);
  const next = (): number => {
    if (position > 0 && position % n === 0) words = randomWords(seed, stream, n, position);
    return words[position++ % n]!;
  };
  for (let last = n - 1; last > 0; last--) {
    const limit = 2 ** 32 - (2 ** 32 % (last + 1));
    let word = next();
    while (word >= limit) word = next();
    const other = word % (last + 1);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

/** One block of four words: ten rounds over the counter, the key raised by Weyl constants between them. */
export function philox(out: Uint32Array, counter: readonly [number, number, number, number], key0: number, key1: number): void {
  let [c0, c1, c2, c3] = counter;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(0xd2511f53, c0);
    const high1 = mulHigh(0xcd9e8d57, c2);
    const low0 = Math.imul(0xd2511f53, c0);
    c0 = high1 ^ c1 ^ key0;
    c1 = Math.imul(0xcd9e8d57, c2);
    c2 = high0 ^ c3 ^ key1;
    c3 = low0;
    key0 = (key0 + 0x9e3779b9) | 0;
    key1 = (key1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** Upper 32 bits of the product of two 32-bit words. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  return aHigh * bHigh + (middle >>> 16) + ((aLow * bHigh + (middle & 0xffff)) >>> 16);
}
