import { describe, expect, it } from "vitest";
import { compile, createStore, denseOf, f32, linear, openReference, rows, toF16, trace, type HostTensor } from "../index.ts";

function half(dtype: "f16" | "bf16", shape: readonly number[], bits: readonly number[]): HostTensor {
  return { dtype, shape, data: Uint16Array.from(bits) };
}

async function run(weight: HostTensor): Promise<{ readonly y: Float32Array; readonly row: Float32Array; readonly chosen: string[] }> {
  const chosen: string[] = [];
  const store = createStore(openReference(), { weights: new Map([["w", denseOf(weight)]]) });
  const graph = trace((t) => {
    const w = t.weight("w", [2, 3]);
    return { y: linear(t.input("x", "f32", [1, 3]), w), row: rows(w, t.input("ids", "i32", [1])) };
  });
  const compiled = compile(graph, { store, onChoice: ({ chosen: name }) => chosen.push(name) });
  const { y, row } = await compiled.run({ x: f32([1, 3], [1, 2, 4]), ids: { dtype: "i32", shape: [1], data: Int32Array.of(1) } });
  return { y: y!.data as Float32Array, row: row!.data as Float32Array, chosen };
}

describe("dense storage", () => {
  it("runs 16-bit floats as they are: x·Wᵀ and rows by id", async () => {
    for (const dtype of ["f16", "bf16"] as const) {
      const bits = [0.5, -0.25, 3, 1, 0, -2].map((value) =>
        dtype === "f16" ? toF16(value) : new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16,
      );
      const { y, row, chosen } = await run(half(dtype, [2, 3], bits));
      expect([...y]).toEqual([12, -7]);
      expect([...row]).toEqual([1, 0, -2]);
      expect(chosen.toSorted()).toEqual(["linear-half", "rows-half"]);
    }
  });

  it("refuses f16 that is not finite where it is uploaded, by the weight's name", async () => {
    await expect(run(half("f16", [2, 3], [0, 0, 0x7c00, 0, 0, 0]))).rejects.toThrow(/weight-not-finite/);
  });
});
