/** One to three rows of x over codes and 16-bit floats: every tail of four streams, every number of blocks, x of any size. */
import { linearAffineOp, linearHalfOp, toF16, uniform, type AnyOp, type HostTensor } from "@pare/tensor-core";
import { runCase, type AnyCase } from "@pare/tensor-core/testing";
import { afterAll, describe, expect, it } from "vitest";
import { openWasm } from "../../src/index.ts";
import { VARIANTS } from "../../src/variants.ts";

describe.each(VARIANTS)("few rows, $name, vectors of $vectors bits", async ({ portable, vectors }) => {
  const device = await openWasm({ portable, wide: vectors === 256 });
  afterAll(() => device.close());

  const numbers = (seed: number, count: number, scale = 1): Float32Array =>
    Float32Array.from(uniform(seed, 0, count), (value) => scale * (2 * value - 1));
  const floats = (shape: readonly number[], data: Float32Array): HostTensor => ({ dtype: "f32", shape, data });
  const bytes = (seed: number, shape: readonly [number, number], most = 256): HostTensor => ({
    dtype: "u8",
    shape,
    data: Uint8Array.from(uniform(seed, 1, shape[0] * shape[1]), (value) => value * most),
  });

  /** No element may be further from the reference than f32 rounds sums of what its products amount to. */
  async function check(op: AnyOp, inputs: AnyCase["inputs"], attrs: object, amount: number): Promise<void> {
    const one = { name: "few", inputs, attrs, tolerance: 0, why: "" } as AnyCase;
    const { outputs, trespasses } = await runCase(device, op, one, { runs: 1 });
    const [found, expected] = [outputs[0]!, op.reference(inputs, attrs)].map((of) => of["y"]!.data as Float32Array) as [
      Float32Array,
      Float32Array,
    ];
    expect(trespasses).toEqual([]);
    expect(Math.max(...found.map((value, i) => Math.abs(value - expected[i]!))) / amount).toBeLessThan(1e-6);
  }

  it.each([4, 8] as const)("codes of %i bits", async (bits) => {
    const block = 128 / bits;
    for (const blocks of [1, 2, 3]) {
      for (let out = 1; out <= 9; out++) {
        const features = blocks * block;
        for (const [groupSize, shared] of [
          [block, false],
          [Math.min(2 * block, features), false],
          [features, true],
        ] as const) {
          const rows = 1 + ((out + blocks) % 3);
          const groups = shared ? [1, 1] : [out, Math.ceil(features / groupSize)];
          const [first, second] = groups as [number, number];
          const given = {
            x: floats([rows, features], numbers(out, rows * features)),
            codes: bytes(blocks, [out, (features * bits) / 8]),
            scales: floats(groups, numbers(bits, first * second)),
          };
          const attrs = { activation: "none", bits, features, groupSize };
          const zeroPoints = bytes(7, [first, second], 2 ** bits);
          for (const inputs of [given, { ...given, zeroPoints }]) await check(linearAffineOp, inputs, attrs, features * 2 ** bits);
        }
      }
    }
  });

  it.each(["f16", "bf16"] as const)("%s, whatever size x has", async (format) => {
    for (const scale of [1e-30, 1, 1e9, 1e30, 1e37]) {
      for (let out = 1; out <= 9; out++) {
        const [rows, features] = [1 + (out % 3), 8 * (1 + (out % 4))];
        const weights = numbers(out, out * features);
        const bits = new Uint32Array(weights.buffer);
        const halves = Uint16Array.from(weights, (value, i) => (format === "f16" ? toF16(value) : bits[i]! >>> 16));
        const inputs = {
          x: floats([rows, features], numbers(3, rows * features, scale)),
          halves: { dtype: "u8", shape: [out, 2 * features], data: new Uint8Array(halves.buffer) } as HostTensor,
        };
        await check(linearHalfOp, inputs, { activation: "none", format, features }, features * scale);
      }
    }
  });
});
