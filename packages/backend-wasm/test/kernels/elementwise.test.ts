import { expect, test } from "vitest";
import { eachVariant, LENGTHS, type Bench } from "./harness.ts";

const UNARY: Readonly<Record<string, (x: number) => number>> = {
  neg: (x) => -x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  abs: Math.abs,
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  relu: (x) => Math.max(x, 0),
  erf,
  gelu: (x) => (x < 0 ? 0.5 * x * erfc(-x * Math.SQRT1_2) : x - 0.5 * x * erfc(x * Math.SQRT1_2)),
  gelu_tanh: (x) => x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  silu: (x) => x / (1 + Math.exp(-x)),
};

/** grad·f′(x) by its own formulas in float64. */
const CHAINED: Readonly<Record<string, (x: number) => number>> = {
  relu: (x) => (x > 0 ? 1 : 0),
  gelu: (x) => 0.5 * erfc(-x * Math.SQRT1_2) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
  gelu_tanh: (x) => {
    const t = Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
  },
  silu: (x) => (1 + Math.exp(-x) + x * Math.exp(-x)) / (1 + Math.exp(-x)) ** 2,
};

const BINARY: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  maximum: Math.max,
  minimum: Math.min,
  greater: (a, b) => (a > b ? 1 : 0),
  equal: (a, b) => (a === b ? 1 : 0),
};

/** Below this, f32 has fewer digits. */
const TINY = 2 ** -126;

eachVariant((bench) => {
  test.each(Object.keys(UNARY))("%s: every tail, apart and in place", (name) => {
    for (const length of LENGTHS) {
      bench().clear();
      const values = bench().noise(length, name === "log" || name.endsWith("sqrt") ? 0.01 : -4, 4);
      const [x, y] = [bench().words(values), bench().words(length)];
      const expected = values.map(UNARY[name]!);
      bench().call(`f32_${name}`, x, y, length);
      bench().expectClose(y, expected, 2e-6, `${name} of ${length}`, TINY);
      bench().call(`f32_${name}`, x, x, length);
      expect([...bench().floats(x)]).toEqual([...bench().floats(y)]);
    }
  });

  test.each(["exp", "log", "tanh", "sigmoid", "erf", "silu"])("%s is within 9e-7 of the truth from tiny to huge arguments", (name) => {
    bench().clear();
    const sizes = Array.from({ length: 400 }, (_, i) => 10 ** (-9 + i / 37));
    const values = [...sizes, ...(name === "log" ? [] : sizes.map((x) => -x))].filter((x) => Math.abs(x) < 85).map(Math.fround);
    const [x, y] = [bench().words(values), bench().words(values.length)];
    bench().call(`f32_${name}`, x, y, values.length);
    bench().expectClose(y, values.map(UNARY[name]!), 9e-7, name, TINY);
  });

  test("exp and log at the ends of the numbers", () => {
    bench().clear();
    const x = bench().words([NaN, Infinity, -Infinity, 0, -200, 200, 1e-40, -1]);
    const y = bench().words(8);
    bench().call("f32_exp", x, y, 8);
    expect([...bench().floats(y)].slice(0, 6)).toEqual([NaN, Infinity, 0, 1, 0, Infinity]);
    bench().call("f32_log", x, y, 8);
    expect([...bench().floats(y)].slice(0, 5)).toEqual([NaN, Infinity, NaN, -Infinity, NaN]);
    expect(bench().floats(y)[6]).toBeCloseTo(Math.log(1e-40), 4);
  });

  test.each(Object.keys(BINARY))("%s: every tail, either operand repeated, outer loops", (name) => {
    for (const length of LENGTHS.slice(1)) {
      for (const repeats of [0, 1, 2]) checkBinary(bench(), name, length, repeats);
    }
  });

  test.each(Object.keys(CHAINED))("gradient of %s: every tail, apart and in place", (name) => {
    for (const length of LENGTHS) {
      bench().clear();
      const [grads, values] = [bench().noise(length, -2, 2), bench().noise(length, -6, 6)];
      const [grad, x, y] = [bench().words(grads), bench().words(values), bench().words(length)];
      bench().call(`f32_${name}_gradient`, grad, x, y, length);
      // Absolute, since 1 − s cancels where s is near 1, and so does a slope near 0; gradients reach 2, slopes 1.13.
      const expected = values.map((value, i) => grads[i]! * CHAINED[name]!(value));
      bench()
        .floats(y)
        .forEach((found, i) => expect(Math.abs(found - expected[i]!)).toBeLessThan(4e-6));
      bench().call(`f32_${name}_gradient`, grad, x, grad, length);
      expect([...bench().floats(grad)]).toEqual([...bench().floats(y)]);
    }
  });

  test("whole numbers", () => {
    for (const length of LENGTHS) {
      bench().clear();
      const [left, right] = [bench().noise(length, -99, 99).map(Math.trunc), bench().noise(length, -99, 99).map(Math.trunc)];
      const [a, b, y] = [bench().words(left, "i32"), bench().words(right, "i32"), bench().words(length)];
      for (const name of ["add", "sub", "mul"]) {
        bench().call(`i32_${name}`, a, b, y, 1, 0, 0, 1, 0, 0, 1, 0, 0, length, 0);
        expect([...bench().integers(y)]).toEqual(left.map((value, i) => BINARY[name]!(value, right[i]!)));
      }
      for (const name of ["greater", "equal"]) {
        bench().call(`i32_${name}`, a, b, y, 1, 0, 0, 1, 0, 0, 1, 0, 0, length, 0);
        expect([...bench().floats(y)]).toEqual(left.map((value, i) => BINARY[name]!(value, right[i]!)));
      }
      bench().call("i32_cast_f32", a, y, length);
      expect([...bench().floats(y)]).toEqual(left);
      bench().call("f32_cast_i32", bench().words(left.map((value) => value + Math.sign(value) * 0.75)), y, length);
      expect([...bench().integers(y)]).toEqual(left);
    }
  });

  test("updates of parameters", () => {
    for (const length of LENGTHS) {
      bench().clear();
      const [p, g, m] = [bench().noise(length), bench().noise(length), bench().noise(length)] as const;
      const v = bench().noise(length, 0, 2);
      const [parameter, gradient, first, second] = [p, g, m, v].map((values) => bench().words(values)) as [never, never, never, never];
      const hyper = bench().words([0.1, 0.9, 0.99, 1e-3, 0.01, 0.5, 0.25, 2]);
      bench().call("f32_adamw", parameter, gradient, first, second, length, hyper);
      const moments = m.map((value, i) => 0.9 * value + 0.1 * 2 * g[i]!);
      const squares = v.map((value, i) => 0.99 * value + 0.01 * (2 * g[i]!) ** 2);
      bench().expectClose(first, moments, 1e-6, "m");
      bench().expectClose(second, squares, 1e-6, "v");
      const moved = p.map((value, i) => value * (1 - 0.001) - (0.1 * (moments[i]! / 0.5)) / (Math.sqrt(squares[i]! / 0.25) + 1e-3));
      bench().expectClose(parameter, moved, 3e-6, "adamw");
      const before = [...bench().floats(parameter)];
      bench().call("f32_sgd", parameter, gradient, first, length, bench().words([0.1, 0.5, 0.01, 2]));
      const velocity = moments.map((value, i) => 0.5 * value + 2 * g[i]! + 0.01 * before[i]!);
      bench().expectClose(first, velocity, 1e-6, "velocity");
      bench().expectClose(
        parameter,
        before.map((value, i) => value - 0.1 * velocity[i]!),
        2e-6,
        "sgd",
      );
    }
  });
});

/** 2×3 outer steps over the same or the next row of each operand. */
function checkBinary(bench: Bench, name: string, length: number, repeats: number): void {
  bench.clear();
  const [left, right] = [bench.noise(repeats === 1 ? 2 : 2 * length, -4, 4).map(Math.round), bench.noise(6 * length, 1, 4).map(Math.round)];
  const widthA = repeats === 1 ? 1 : length;
  const widthB = repeats === 2 ? 1 : length;
  const [a, b, y] = [bench.words(left), bench.words(right), bench.words(6 * length)];
  // Rows of a by the outer index, rows of b by both.
  bench.call(`f32_${name}`, a, b, y, 1, 0, 0, 2, 4 * widthA, 12 * widthB, 3, 0, 4 * widthB, length, repeats);
  const expected = Array.from({ length: 6 * length }, (_, i) => {
    const [row, column] = [Math.floor(i / length), i % length];
    const x = left[Math.floor(row / 3) * widthA + (repeats === 1 ? 0 : column)]!;
    return BINARY[name]!(x, right[row * widthB + (repeats === 2 ? 0 : column)]!);
  });
  bench.expectClose(y, expected, 2e-7, `${name} of ${length}, repeats ${repeats}`);
}

function erf(x: number): number {
  return Math.abs(x) < 2.5 ? erfSeries(x) : Math.sign(x) * (1 - erfc(Math.abs(x)));
}

/** Abramowitz and Stegun 7.1.6. */
function erfSeries(x: number): number {
  let [term, total] = [x, x];
  for (let n = 1; n < 120; n++) total += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

/** For x ≥ 0; the continued fraction of Abramowitz and Stegun 7.1.14 in the tail. */
function erfc(x: number): number {
  if (x < 2.5) return 1 - erfSeries(x);
  let fraction = 0;
  for (let k = 200; k >= 1; k--) fraction = k / 2 / (x + fraction);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
}
