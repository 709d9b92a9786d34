import { describe, expect, it } from "vitest";
import { roundHalfEven, roundToNearest, type Granularity, type Rounded } from "./round.ts";

const never = (): never => {
  throw new Error("not finite");
};

/** The numbers that the codes stand for. */
function restore({ codes, scales, zeroPoints, scaleShape, groupSize }: Rounded, rows: number, columns: number, bits: number): Float32Array {
  return Float32Array.from(codes, (code, i) => {
    const row = scaleShape[0] === 1 && rows > 1 ? 0 : Math.floor(i / columns);
    const at = row * scaleShape[1] + Math.floor((i % columns) / groupSize);
    return scales[at] * (code - (zeroPoints?.[at] ?? 2 ** (bits - 1)));
  });
}

function wave(count: number, offset = 0): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7) * (1 + (i % 5)) + offset);
}

describe("roundHalfEven", () => {
  it("takes the even neighbour of a half, on both sides of zero", () => {
    expect([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5].map((x) => roundHalfEven(x) + 0)).toEqual([-2, -2, 0, 0, 2, 2]);
    expect([-1.2, 0.49999999999999994, 1.7].map((x) => roundHalfEven(x) + 0)).toEqual([-1, 0, 2]);
  });
});

describe("roundToNearest", () => {
  const shapes: readonly (readonly [Granularity, number])[] = [
    ["tensor", 1],
    ["channel", 1],
    ["group", 4],
    ["group", 64],
  ];
  for (const bits of [2, 3, 4, 5, 6, 7, 8]) {
    for (const symmetric of [true, false]) {
      it.each(shapes)(
        `${bits} bits ${symmetric ? "symmetric" : "asymmetric"} per %s (%i): within half a step, zero exact`,
        (granularity, groupSize) => {
          const rows = 3;
          const columns = 11;
          const values = wave(rows * columns, symmetric ? 0 : 2);
          values[5] = 0;
          values[20] = 0;
          const rounded = roundToNearest(values, rows, columns, { bits, symmetric, granularity, groupSize }, never);
          const found = restore(rounded, rows, columns, bits);
          const step = Math.max(...rounded.scales);
          // The zero point is rounded too, so an end of an asymmetric range may lie up to one step away.
          for (let i = 0; i < values.length; i++)
            expect(Math.abs(found[i] - values[i])).toBeLessThanOrEqual(step * (symmetric ? 0.5001 : 1.0001));
          expect(found[5]).toBe(0);
          expect(found[20]).toBe(0);
          expect(Math.max(...rounded.codes)).toBeLessThan(2 ** bits);
        },
      );
    }
  }

  it("gives one scale per tensor, row or group, the last group of a row shorter", () => {
    const values = wave(3 * 11);
    const shape = (granularity: Granularity) =>
      roundToNearest(values, 3, 11, { bits: 4, symmetric: true, granularity, groupSize: 4 }, never).scaleShape;
    expect(shape("tensor")).toEqual([1, 1]);
    expect(shape("channel")).toEqual([3, 1]);
    expect(shape("group")).toEqual([3, 3]);
    const rounded = roundToNearest(values, 3, 11, { bits: 4, symmetric: true, granularity: "group", groupSize: 4 }, never);
    const largest = Math.max(...values.slice(8, 11).map(Math.abs));
    expect(rounded.scales[2]).toBe(Math.fround(largest / 7));
  });

  it("holds groups of zeros and constants without error", () => {
    const values = Float32Array.of(0, 0, 0, 2.5, 2.5, 2.5, -3, -3, -3);
    for (const symmetric of [true, false]) {
      const rounded = roundToNearest(values, 3, 3, { bits: 4, symmetric, granularity: "channel", groupSize: 1 }, never);
      const found = restore(rounded, 3, 3, 4);
      found.forEach((value, i) => expect(value).toBeCloseTo(values[i], 6));
      expect(rounded.scales[0]).toBe(1);
    }
  });

  it("treats a group too small for a float32 scale as zeros", () => {
    const rounded = roundToNearest(
      Float32Array.of(1e-45, -1e-45),
      1,
      2,
      { bits: 8, symmetric: true, granularity: "tensor", groupSize: 1 },
      never,
    );
    expect([...restore(rounded, 1, 2, 8)]).toEqual([0, 0]);
  });

  it("names the first element that is not finite", () => {
    const at: number[] = [];
    const refuse = (index: number): never => {
      at.push(index);
      throw new Error("refused");
    };
    const options = { bits: 8, symmetric: true, granularity: "channel", groupSize: 1 } as const;
    expect(() => roundToNearest(Float32Array.of(1, 2, NaN, 4), 2, 2, options, refuse)).toThrow("refused");
    expect(() => roundToNearest(Float32Array.of(1, Infinity, 3, 4), 2, 2, options, refuse)).toThrow("refused");
    expect(at).toEqual([2, 1]);
  });
});
