import { fork, normal } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { gptqRound, type GptqRounding } from "./gptq-round.ts";
import { roundToNearest, type Rounded } from "./round.ts";

const ROWS = 12;
const COLUMNS = 20;
const ROUNDING: GptqRounding = { bits: 3, symmetric: true, granularity: "channel", groupSize: 8, activationOrder: false, damping: 0.01 };

const values = normal(fork(1, "weights"), 0, ROWS * COLUMNS);
/** 60 positions of inputs that depend on each other, the later ones larger. */
const inputs = ((): Float32Array[] => {
  const mix = normal(fork(1, "mix"), 0, COLUMNS * COLUMNS);
  return Array.from({ length: 60 }, (_, position) => {
    const free = normal(fork(1, "free"), position, COLUMNS);
    return Float32Array.from(
      { length: COLUMNS },
      (_, i) => (1 + i / 4) * free.reduce((sum, x, k) => sum + x * mix[i * COLUMNS + (k >> 2)], 0),
    );
  });
})();
const gram = Float32Array.from({ length: COLUMNS * COLUMNS }, (_, at) =>
  inputs.reduce((sum, x) => sum + x[Math.floor(at / COLUMNS)] * x[at % COLUMNS], 0),
);
const task = { values, rows: ROWS, columns: COLUMNS, mask: undefined, gram };

function dense({ codes, scales, zeroPoints, groupSize }: Rounded, bits: number): Float64Array {
  const groups = Math.ceil(COLUMNS / groupSize);
  return Float64Array.from(codes, (code, at) => {
    const group = Math.floor(at / COLUMNS) * groups + Math.floor((at % COLUMNS) / groupSize);
    return scales[group] * (code - (zeroPoints?.[group] ?? 2 ** (bits - 1)));
  });
}

/** ‖X(W − Ŵ)ᵀ‖² */
function damage(rounded: Rounded, bits: number): number {
  const found = dense(rounded, bits);
  let total = 0;
  for (const x of inputs) {
    for (let row = 0; row < ROWS; row++) {
      let error = 0;
      for (let i = 0; i < COLUMNS; i++) error += x[i] * (values[row * COLUMNS + i] - found[row * COLUMNS + i]);
      total += error * error;
    }
  }
  return total;
}

function nearest(rounding: GptqRounding): Rounded {
  return roundToNearest(values, ROWS, COLUMNS, rounding, () => {
    throw new Error("finite");
  });
}

describe("gptqRound", () => {
  const forms: readonly Partial<GptqRounding>[] = [
    {},
    { activationOrder: true },
    { granularity: "group" },
    { granularity: "group", activationOrder: true },
    { bits: 4, symmetric: false, granularity: "group" },
    { bits: 2, symmetric: false, activationOrder: true },
  ];

  it.each(forms)("changes outputs less than rounding to the nearest: %o", (form) => {
    const rounding = { ...ROUNDING, ...form };
    const rounded = gptqRound(task, rounding);
    expect(Math.max(...rounded.codes)).toBeLessThan(2 ** rounding.bits);
    expect(rounded.scaleShape).toEqual([ROWS, rounding.granularity === "group" ? 3 : 1]);
    expect(damage(rounded, rounding.bits)).toBeLessThan(0.7 * damage(nearest(rounding), rounding.bits));
  });

  it("is rounding to the nearest where inputs do not depend on each other", () => {
    const apart = Float32Array.from({ length: COLUMNS * COLUMNS }, (_, at) => (at % (COLUMNS + 1) === 0 ? 1 + (at % 7) : 0));
    for (const form of forms) {
      const rounding = { ...ROUNDING, ...form };
      expect(gptqRound({ ...task, gram: apart }, rounding)).toEqual(nearest(rounding));
    }
  });

  it("keeps the scales of a row whatever the order, and pruned weights at exactly 0", () => {
    const mask = Uint8Array.from(values, (_, at) => (at % 3 === 0 ? 0 : 1));
    for (const activationOrder of [false, true]) {
      const rounded = gptqRound({ ...task, mask }, { ...ROUNDING, activationOrder });
      expect(rounded.scales).toEqual(nearest(ROUNDING).scales);
      dense(rounded, 3).forEach((value, at) => at % 3 === 0 && expect(Math.abs(value)).toBe(0));
    }
  });
});
