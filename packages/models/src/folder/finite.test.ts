import { sourceOf, viewArray, type DType } from "@pare/tensor-core";
import { expect, it } from "vitest";
import { finiteSource } from "./finite.ts";

/** Bits of the largest finite number, of infinities and of numbers that are none, by element type. */
const KINDS: readonly (readonly [DType, number, number, readonly number[]])[] = [
  ["f32", 4, 0x7f7fffff, [0x7f800000, 0xff800000, 0x7fc00000, 0xffffffff, 0x7f800001]],
  ["f16", 2, 0x7bff, [0x7c00, 0xfc00, 0x7e00, 0xffff, 0x7c01]],
  ["bf16", 2, 0x7f7f, [0x7f80, 0xff80, 0x7fc0, 0xffff, 0x7f81]],
];

/** Elements of largest finite numbers of both signs, from a byte on that need be no multiple of four. */
function elements(dtype: DType, size: number, largest: number, count: number, offset: number): DataView & { read: () => Promise<unknown> } {
  const bytes = new Uint8Array(offset + count * size);
  const view = new DataView(bytes.buffer, offset) as DataView & { read: () => Promise<unknown> };
  const sign = size === 4 ? 0x80000000 : 0x8000;
  for (let at = 0; at < count; at++) put(view, size, at, at % 2 === 0 ? largest : (largest | sign) >>> 0);
  const data = viewArray(dtype, bytes.subarray(offset));
  view.read = finiteSource(sourceOf({ dtype, shape: [count], data }), "file", "tensor").read;
  return view;
}

function put(view: DataView, size: number, at: number, bits: number): void {
  if (size === 4) view.setUint32(at * 4, bits, true);
  else view.setUint16(at * 2, bits, true);
}

it.each(KINDS)("finds what is not finite among %s, wherever it stands", async (dtype, size, largest, bad) => {
  for (const offset of [0, size]) {
    for (const count of [0, 1, 7, 16, 17, 35]) {
      await elements(dtype, size, largest, count, offset).read();
      for (let at = 0; at < count; at++) {
        const view = elements(dtype, size, largest, count, offset);
        put(view, size, at, bad[at % bad.length]!);
        await expect(view.read()).rejects.toMatchObject({ report: { found: `NaN or an infinity at [${at}]` } });
      }
    }
  }
});
