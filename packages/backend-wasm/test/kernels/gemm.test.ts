import { expect, test } from "vitest";
import { eachVariant, type Bench } from "./harness.ts";

const NONE = [0, 0, 0, 0] as const;
const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16, 17];

eachVariant((bench) => {
  test("every tail of rows and columns, operands as they lie or turned, tiles stored along or across", () => {
    for (const ms of SIZES) {
      for (const np of SIZES) {
        const k = 1 + ((ms * np) % 9);
        for (const turnS of [false, true]) {
          for (const turnP of [false, true]) {
            for (const across of [false, true]) checkProduct(bench(), { ms, np, k, turnS, turnP, across, blocks: [k + 3, 30, 32] });
          }
        }
      }
    }
  });

  test("every depth, and blocks that end in the middle of each dimension", () => {
    for (let k = 1; k <= 17; k++) {
      for (const turnS of [false, true]) {
        for (const across of [false, true])
          checkProduct(bench(), { ms: 13, np: 21, k, turnS, turnP: !across, across, blocks: [4, 10, 16] });
      }
    }
  });

  test("so many panel rows that the stream is packed whichever way it lies", () => {
    for (const turnS of [false, true])
      checkProduct(bench(), { ms: 13, np: 107, k: 9, turnS, turnP: false, across: !turnS, blocks: [4, 10, 104] });
  });

  test("bias, activation and residual after the last block, whichever way tiles lie", () => {
    for (const across of [false, true]) {
      for (let activation = 0; activation < 5; activation++) {
        checkProduct(bench(), { ms: 10, np: 11, k: 9, turnS: false, turnP: false, across, blocks: [4, 5, 8], activation });
      }
    }
  });

  test("dot products of a few rows", () => {
    for (const rows of [1, 2, 3]) {
      for (const out of [1, 2, 3, 4, 5, 8, 9]) {
        for (let k = 1; k <= 17; k++) {
          bench().clear();
          const [left, right] = [bench().noise(rows * k), bench().noise(out * k)];
          const [x, w, y] = [bench().words(left), bench().words(right), bench().words(rows * out)];
          bench().call("f32_gemm_1x4", rows, out, k, x, w, y, 4 * out, ...NONE);
          const expected = Array.from({ length: rows * out }, (_, i) => dot(left, Math.floor(i / out) * k, 1, right, (i % out) * k, 1, k));
          bench().expectClose(y, expected, 3e-6, `${rows}×${k}×${out}`);
        }
      }
    }
  });
});

interface Product {
  readonly ms: number;
  readonly np: number;
  readonly k: number;
  /** The operand lies column by column. */
  readonly turnS: boolean;
  readonly turnP: boolean;
  /** C lies with the stream along its rows. */
  readonly across: boolean;
  readonly blocks: readonly [k: number, s: number, p: number];
  readonly activation?: number;
}

const ACTIVATIONS: readonly ((x: number) => number)[] = [
  (x) => x,
  (x) => Math.max(0, x),
  (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  (x) => x / (1 + Math.exp(-x)),
];

function checkProduct(bench: Bench, { ms, np, k, turnS, turnP, across, blocks, activation }: Product): void {
  bench.clear();
  const [left, right] = [bench.noise(ms * k), bench.noise(np * k)];
  const [s, p, c] = [bench.words(left), bench.words(right), bench.words(ms * np)];
  const scratch = bench.words(96 + blocks[0] * (blocks[1] + blocks[2]));
  const columns = across ? ms : np;
  const [bias, residual] = [bench.noise(columns), bench.noise(ms * np)];
  const epilogue = activation === undefined ? NONE : [bench.words(bias), activation, bench.words(residual), 0];
  const [sRow, sStep] = turnS ? [1, ms] : [k, 1];
  const [pRow, pStep] = turnP ? [1, np] : [k, 1];
  const [cStream, cPanel] = across ? [1, ms] : [np, 1];
  const strides = (...steps: number[]): number[] => steps.map((step) => 4 * step);
  const places = [s, ...strides(sRow, sStep, 0), p, ...strides(pRow, pStep, 0), c, ...strides(cStream, cPanel, 0)];
  bench.call("f32_gemm_5x8", 1, ms, np, k, ...places, ...blocks, scratch, 0, ...epilogue);
  const expected = Array.from({ length: ms * np }, (_, at) => {
    const [i, j] = across ? [at % ms, Math.floor(at / ms)] : [Math.floor(at / np), at % np];
    const sum = dot(left, i * sRow, sStep, right, j * pRow, pStep, k);
    return activation === undefined ? sum : ACTIVATIONS[activation]!(sum + bias[at % columns]!) + residual[at]!;
  });
  bench.expectClose(c, expected, 5e-6, JSON.stringify({ ms, np, k, turnS, turnP, across, activation }));
  const before = [...bench.floats(c)];
  const packed = bench.words(5 * Math.ceil(ms / 5) * k);
  bench.call("f32_pack_slivers", ms, k, s, ...strides(sRow, sStep), packed);
  bench.call("f32_gemm_5x8", 1, ms, np, k, ...places, ...blocks, scratch, packed, ...epilogue);
  expect([...bench.floats(c)]).toEqual(before);
}

function dot(a: readonly number[], aAt: number, aStep: number, b: readonly number[], bAt: number, bStep: number, k: number): number {
  let total = 0;
  for (let i = 0; i < k; i++) total += a[aAt + i * aStep]! * b[bAt + i * bStep]!;
  return total;
}

function erf(x: number): number {
  let [term, total] = [x, x];
  for (let n = 1; n < 200; n++) total += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}
