import { expect, it } from "vitest";
import { toF16 } from "./dtype.ts";
import { asFloat32, f32, floatRows, type HostTensor } from "./host.ts";

it("gives a tensor as float32 by whole rows, all of them once", () => {
  const [rows, width] = [700, 3001];
  const data = Uint16Array.from({ length: rows * width }, (_, i) => toF16(i % 977));
  const tensor: HostTensor = { dtype: "f16", shape: [rows, width], data };
  const whole = asFloat32(tensor).data as Float32Array;
  let next = 0;
  for (const { row, values } of floatRows(tensor)) {
    expect(row * width).toBe(next);
    expect(values.length % width).toBe(0);
    expect(values.length).toBeLessThanOrEqual(2 ** 20);
    expect(values).toEqual(whole.subarray(next, next + values.length));
    next += values.length;
  }
  expect(next).toBe(rows * width);
  expect([...floatRows(f32([0, 4]))]).toEqual([]);
  expect([...floatRows(f32([], [2]))]).toEqual([{ row: 0, values: Float32Array.of(2) }]);
  expect([...floatRows(f32([1, 2 ** 20 + 1]))].map(({ values }) => values.length)).toEqual([2 ** 20 + 1]);
});
