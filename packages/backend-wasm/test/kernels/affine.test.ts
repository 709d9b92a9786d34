/** Products of rounded activations and codes: sums of whole numbers, so that every variant must give the same bits as a plain loop. */
import { expect, test } from "vitest";
import { eachVariant, type Bench, type Place } from "./harness.ts";

interface Weight {
  readonly codes: Place;
  readonly scales: Place;
  readonly zeros: Place | undefined;
  readonly groups: number;
  /** Less their zero points, `[out][features]`. */
  readonly values: readonly (readonly number[])[];
  readonly factors: readonly (readonly number[])[];
}

interface Shape {
  readonly rows: number;
  readonly out: number;
  readonly features: number;
  readonly groupSize: number;
  readonly bits: 4 | 8;
  readonly zeroPoints: boolean;
}

eachVariant((bench) => {
  test("every tail of rows, outputs and groups: exact, packed beforehand or not", () => {
    for (const bits of [4, 8] as const) {
      for (const rows of [1, 2, 4, 5, 6, 9, 10, 11]) {
        for (const out of [1, 3, 7, 8, 9, 16, 17])
          check(bench(), { rows, out, features: 19, groupSize: 19, bits, zeroPoints: out % 2 === 0 });
      }
      for (let features = 1; features <= 18; features++) {
        for (const groupSize of [1, 3, 4, 5, 8, 18]) {
          if (groupSize <= features) check(bench(), { rows: 7, out: 11, features, groupSize, bits, zeroPoints: features % 2 === 0 });
        }
      }
    }
  });

  test("a few rows of codes in whole blocks: the same bits as many rows", () => {
    for (const rows of [1, 2, 3]) {
      for (let out = 1; out <= 9; out++) {
        for (const [features, groupSize] of [
          [32, 32],
          [64, 32],
          [64, 64],
          [96, 64],
          [160, 96],
          [320, 320],
        ] as const) {
          checkFew(bench(), { rows, out, features, groupSize, bits: 4, zeroPoints: out % 2 === 0 });
          checkFew(bench(), { rows, out, features: features / 2, groupSize: groupSize / 2, bits: 8, zeroPoints: out % 2 === 1 });
        }
      }
    }
  });

  test("the largest sums that codes and rounded activations can have", () => {
    for (const bits of [4, 8] as const) {
      const shape: Shape = { rows: 1, out: 4, features: 64, groupSize: 64, bits, zeroPoints: false };
      for (const sign of [1, -1]) checkFew(bench(), shape, { x: Array.from({ length: 64 }, () => sign * 2), code: 2 ** bits - 1 });
    }
  });

  test("rounding: ties to even, zeros, and the largest magnitude to ±127", () => {
    for (let n = 1; n <= 17; n++) {
      bench().clear();
      const x = Array.from({ length: 2 * n }, (_, i) => (i < n ? (i === 0 ? -127 : ((i * 29) % 250) / 2 - 62) : 0));
      const [from, to, scales] = [bench().words(x), bench().words(2 * n + 2), bench().words(2)];
      bench().call("f32_round_rows", from, to, 2 * (n + (n % 2)), scales, 2, n, n);
      const view = halves(bench(), to);
      const found = [0, 1].flatMap((row) => [...view.subarray(row * (n + (n % 2)), row * (n + (n % 2)) + n)]);
      expect(found).toEqual(x.map(evenly));
      expect([...bench().floats(scales)]).toEqual([1, 0]);
    }
  });
});

function check(bench: Bench, { rows, out, features, groupSize, bits, zeroPoints }: Shape): void {
  bench.clear();
  const weight = makeWeight(bench, { rows, out, features, groupSize, bits, zeroPoints });
  const x = bench.noise(rows * features, -3, 3);
  const qRow =
    2 *
    Array.from({ length: weight.groups }, (_, g) => Math.min(groupSize, features - g * groupSize)).reduce((sum, n) => sum + n + (n % 2), 0);
  const places = { x: bench.words(x), q: bench.words((qRow / 4) * (rows + 5)), scales: bench.words(rows + 5), y: bench.words(rows * out) };
  const panel = 32 * weight.groups + 8 * qRow;
  const scratch = bench.words((160 + panel + 8 * qRow) / 4);
  bench.call("f32_round_slivers", places.x, places.q, qRow, places.scales, rows, features, groupSize, scratch);
  const codes = [
    weight.codes,
    Math.ceil((features * bits) / 8),
    weight.scales,
    weight.zeros ?? 0,
    weight.groups,
    bits,
    groupSize,
    features,
  ] as const;
  const rest = [places.q, qRow, places.scales, places.y, 4 * out, rows, out, 0, 0, 0, 0] as const;
  bench.call("i16_linear_affine_5x8", ...codes, ...rest, 0, scratch);
  const found = [...bench.floats(places.y)];
  expect(found).toEqual(expected(x, weight, { rows, out, features, groupSize, bits, zeroPoints }));
  const packed = bench.words((panel / 4) * Math.ceil(out / 8));
  bench.call("i16_pack_affine", ...codes, qRow, out, packed, scratch);
  bench.call("i16_linear_affine_5x8", ...codes, ...rest, packed, bench.words(40));
  expect([...bench.floats(places.y)]).toEqual(found);
}

function checkFew(bench: Bench, shape: Shape, given?: { readonly x: readonly number[]; readonly code: number }): void {
  bench.clear();
  const { rows, out, features, groupSize, bits } = shape;
  const weight = makeWeight(bench, shape, given?.code);
  const x = given?.x ?? bench.noise(rows * features, -3, 3);
  const [q, scales, sums] = [bench.words((rows * features) / 2), bench.words(rows), bench.words(rows * weight.groups)];
  const [from, y] = [bench.words(x), bench.words(rows * out)];
  bench.call("f32_round_blocks", from, q, scales, sums, rows, features, groupSize, bits, bench.words(features / 2));
  const codes = [weight.codes, (features * bits) / 8, weight.scales, weight.zeros ?? 0, weight.groups, bits, groupSize, features] as const;
  bench.call("i16_linear_affine_1x4", ...codes, q, scales, sums, y, 4 * out, rows, out, 0, 0, 0, 0);
  expect([...bench.floats(y)]).toEqual(expected(x, weight, shape));
}

function makeWeight(bench: Bench, { out, features, groupSize, bits, zeroPoints }: Shape, code?: number): Weight {
  const groups = Math.ceil(features / groupSize);
  const whole = (length: number, most: number): number[] => bench.noise(length, 0, most).map(Math.floor);
  const codes = Array.from({ length: out }, () => whole(features, 2 ** bits).map((drawn) => code ?? drawn));
  const zeros = Array.from({ length: out }, () =>
    zeroPoints ? whole(groups, 2 ** bits) : Array.from({ length: groups }, () => 2 ** (bits - 1)),
  );
  const factors = Array.from({ length: out }, () => bench.noise(groups, 0.001, 0.1));
  const bytes = codes.flatMap((row) =>
    bits === 8 ? row : Array.from({ length: Math.ceil(features / 2) }, (_, i) => row[2 * i]! + 16 * (row[2 * i + 1] ?? 0)),
  );
  return {
    codes: bench.bytes(bytes),
    scales: bench.words(factors.flat()),
    zeros: zeroPoints ? bench.bytes(zeros.flat()) : undefined,
    groups,
    values: codes.map((row, o) => row.map((code, i) => code - zeros[o]![Math.floor(i / groupSize)]!)),
    factors,
  };
}

/** In the arithmetic and the order of the kernel. */
function expected(x: readonly number[], { values, factors, groups }: Weight, { rows, out, features, groupSize }: Shape): number[] {
  const f = Math.fround;
  const result: number[] = [];
  for (let r = 0; r < rows; r++) {
    const row = x.slice(r * features, (r + 1) * features);
    const largest = Math.max(...row.map(Math.abs));
    const q = row.map((value) => evenly(f(value * f(127 / largest))));
    for (let o = 0; o < out; o++) {
      let total = 0;
      for (let g = 0; g < groups; g++) {
        let sum = 0;
        for (let i = g * groupSize; i < Math.min(features, (g + 1) * groupSize); i++) sum += q[i]! * values[o]![i]!;
        total = f(total + f(sum * factors[o]![g]!));
      }
      result.push(f(total * f(largest / 127)));
    }
  }
  return result;
}

function evenly(value: number): number {
  const nearest = Math.round(value);
  return (nearest - value === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest) + 0;
}

function halves(bench: Bench, { address, length }: Place): Int16Array {
  return new Int16Array(bench.floats({ address, length }).buffer, address, 2 * length);
}
