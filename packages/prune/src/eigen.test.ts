import { fork, normal } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { symmetricEigen } from "./eigen.ts";

/** XᵀX of a drawn `[rows, n]`. */
function gram(rows: number, n: number): Float64Array {
  const x = normal(fork(1, "eigen"), rows, rows * n);
  const out = new Float64Array(n * n);
  for (let r = 0; r < rows; r++) for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) out[i * n + j] += x[r * n + i] * x[r * n + j];
  return out;
}

describe("symmetricEigen", () => {
  it.each([
    [1, 1],
    [2, 2],
    [30, 7],
    [3, 12],
    [50, 40],
  ])("takes XᵀX of [%d, %d] apart and puts it together", (rows, n) => {
    const a = gram(rows, n);
    const { values, vectors } = symmetricEigen(a, n);
    const largest = values[0];
    for (let i = 0; i < n; i++) {
      if (i > 0) expect(values[i]).toBeLessThanOrEqual(values[i - 1]);
      for (let j = 0; j < n; j++) {
        let [dot, entry] = [0, 0];
        for (let k = 0; k < n; k++) {
          dot += vectors[i * n + k] * vectors[j * n + k];
          entry += values[k] * vectors[k * n + i] * vectors[k * n + j];
        }
        expect(dot).toBeCloseTo(i === j ? 1 : 0, 12);
        expect(Math.abs(entry - a[i * n + j])).toBeLessThan(1e-12 * largest);
      }
    }
    for (const value of values.subarray(rows)) expect(Math.abs(value)).toBeLessThan(1e-12 * largest);
  });

  it("knows what a matrix of two says by hand, and zeros", () => {
    const { values, vectors } = symmetricEigen([2, 1, 1, 2], 2);
    expect([...values]).toEqual([expect.closeTo(3, 12), expect.closeTo(1, 12)]);
    expect(Math.abs(vectors[0] - vectors[1])).toBeLessThan(1e-12);
    expect([...symmetricEigen(new Float64Array(9), 3).values]).toEqual([0, 0, 0]);
  });
});
