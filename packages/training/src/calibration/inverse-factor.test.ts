import { expect, it } from "vitest";
import { inverseFactor } from "./inverse-factor.ts";
import { sweepColumns } from "./sweep.ts";

const SIZE = 5;
const X = Array.from({ length: 12 }, (_, row) => Array.from({ length: SIZE }, (_, column) => Math.sin((row + 1) ** 2 * (column + 2))));
const GRAM = Float32Array.from({ length: SIZE * SIZE }, (_, at) =>
  X.reduce((total, x) => total + x[Math.floor(at / SIZE)] * x[at % SIZE], 0),
);

it("is upper triangular, and its transpose times itself inverts the damped matrix", () => {
  const factor = inverseFactor(GRAM, SIZE, 0.1);
  const lambda = (0.1 * Array.from({ length: SIZE }, (_, i) => GRAM[i * SIZE + i]).reduce((a, b) => a + b)) / SIZE;
  for (let i = 0; i < SIZE; i++) {
    for (let j = 0; j < SIZE; j++) {
      if (j < i) expect(factor[i * SIZE + j]).toBe(0);
      let value = 0;
      for (let k = 0; k < SIZE; k++) {
        const damped = GRAM[i * SIZE + k] + (i === k ? lambda : 0);
        for (let m = 0; m < SIZE; m++) value += damped * factor[m * SIZE + k] * factor[m * SIZE + j];
      }
      expect(value).toBeCloseTo(i === j ? 1 : 0, 10);
    }
  }
});

it("is the identity for inputs that are all zero", () => {
  expect([...inverseFactor(new Float32Array(4), 2, 0.01)]).toEqual([1, 0, 0, 1]);
});

it("refuses what damping is too little for", () => {
  const gram = Float32Array.of(1, 1, 1, 1 - 2 ** -20);
  expect(() => inverseFactor(gram, 2, 1e-9)).toThrow(/training\/not-positive-definite/);
  expect(inverseFactor(gram, 2, 1e-2)[0]).toBeGreaterThan(0);
});

it.each([1, 2, 5])("a sweep in blocks of %d leaves the least-squares weights behind what it took", (block) => {
  const factor = inverseFactor(GRAM, SIZE, 1e-9);
  const original = [0.3, -1, 0.7, 0.2, -0.4];
  const weights = Float64Array.from([...original, ...original]);
  const gone = [[0, 1], [1]];
  sweepColumns({
    weights,
    rows: 2,
    columns: SIZE,
    factor,
    block,
    replace: (row, column, value) => (gone[row].includes(column) ? 0 : value),
  });
  // What minimises ‖X(w − ŵ)‖ with those entries at zero solves the normal equations over the others. Entries before a column that
  // goes stay as they are, so the claim holds where the first columns go; row 1 keeps column 0.
  for (const [row, free] of [
    [0, [2, 3, 4]],
    [1, [2, 3, 4]],
  ] as const) {
    const w = weights.subarray(row * SIZE, row * SIZE + SIZE);
    for (const i of free) {
      let slope = 0;
      for (let j = 0; j < SIZE; j++) slope += GRAM[i * SIZE + j] * (original[j] - w[j]);
      expect(slope).toBeCloseTo(0, 5);
    }
    for (const column of gone[row]) expect(w[column]).toBe(0);
  }
  expect(weights[SIZE]).toBe(0.3);
});
