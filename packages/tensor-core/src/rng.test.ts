import { describe, expect, test } from "vitest";
import { fork, normal, philox, randomWords, shuffled, uniform } from "./rng.ts";

const hex = (words: Uint32Array): string => [...words].map((word) => word.toString(16).padStart(8, "0")).join(" ");

describe("philox4x32-10", () => {
  // Known answers published with Random123 (kat_vectors).
  test.each([
    { counter: [0, 0, 0, 0], key: [0, 0], answer: "6627e8d5 e169c58d bc57ac4c 9b00dbd8" },
    {
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      key: [0xffffffff, 0xffffffff],
      answer: "408f276d 41c83b0e a20bc7c6 6d5451fd",
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      answer: "d16cfe09 94fdcceb 5001e420 24126ea1",
    },
  ] as const)("$answer", ({ counter, key, answer }) => {
    const out = new Uint32Array(4);
    philox(out, counter, key[0], key[1]);
    expect(hex(out)).toBe(answer);
  });
});

describe("streams", () => {
  test("a stream is the same read whole or in pieces", () => {
    const whole = randomWords(7, 3, 41);
    expect([...randomWords(7, 3, 13), ...randomWords(7, 3, 28, 13)]).toEqual([...whole]);
  });

  test("the first block of stream 0 is the block at counter 0", () => {
    expect(hex(randomWords(0, 0, 4))).toBe("6627e8d5 e169c58d bc57ac4c 9b00dbd8");
  });

  test("seeds, streams and names each give other numbers", () => {
    const firsts = [
      randomWords(1, 0, 2),
      randomWords(2, 0, 2),
      randomWords(1, 1, 2),
      randomWords(2 ** 32 + 1, 0, 2),
      randomWords(fork(1, "data"), 0, 2),
      randomWords(fork(1, "dropout"), 0, 2),
      randomWords(fork(2, "data"), 0, 2),
    ].map(hex);
    expect(new Set(firsts).size).toBe(firsts.length);
    expect(fork(1, "data")).toEqual(fork([1, 0], "data"));
  });

  test("uniform numbers lie in [0, 1) with the mean and variance of the distribution", () => {
    const x = uniform(5, 0, 20_000);
    const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
    expect(Math.min(...x)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...x)).toBeLessThan(1);
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
  });

  test("normal numbers have moments 0, 1, 0, 3, and odd counts extend", () => {
    const x = normal(5, 0, 40_000);
    const moment = (power: number): number => x.reduce((sum, value) => sum + value ** power, 0) / x.length;
    expect(Math.abs(moment(1))).toBeLessThan(0.02);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.03);
    expect(Math.abs(moment(3))).toBeLessThan(0.06);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.15);
    expect([...normal(5, 0, 7)]).toEqual(Array.from(x.subarray(0, 7)));
  });
});

describe("shuffled", () => {
  test("is a permutation, repeats, and handles nothing and one", () => {
    const order = shuffled(3, 0, 1000);
    expect([...order].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(shuffled(3, 0, 1000)).toEqual(order);
    expect(shuffled(3, 1, 1000)).not.toEqual(order);
    expect([...shuffled(3, 0, 0)]).toEqual([]);
    expect([...shuffled(3, 0, 1)]).toEqual([0]);
  });

  test("gives all orders of three about equally often", () => {
    const counts = new Map<string, number>();
    for (let stream = 0; stream < 6000; stream++) {
      const order = shuffled(1, stream, 3).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // 1000 expected of each, standard deviation 29.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});
