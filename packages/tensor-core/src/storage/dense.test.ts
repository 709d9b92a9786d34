import { describe, expect, it } from "vitest";
import {
  compile,
  createStore,
  denseOf,
  f32,
  firstCandidate,
  linear,
  openReference,
  roundActivations,
  rows,
  toF16,
  trace,
  type ChoiceEvent,
  type Chooser,
  type Device,
  type HostTensor,
} from "../index.ts";

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

describe("a weight of 16-bit floats where rounded activations are asked for", () => {
  async function chosen(dtype: "f16" | "bf16", chooser: Chooser, missing: readonly string[] = []): Promise<[ChoiceEvent, number[]]> {
    const told: ChoiceEvent[] = [];
    const device: Device = { ...openReference(), supports: (op) => !missing.includes(op) };
    const bits = dtype === "f16" ? [0.5, -0.25, 3, 1, 0, -2].map(toF16) : [0x3f00, 0xbe80, 0x4040, 0x3f80, 0, 0xc000];
    const store = createStore(device, { weights: new Map([["w", denseOf(half(dtype, [2, 3], bits))]]) });
    const graph = trace((t) => {
      const w = t.weight("w", [2, 3]);
      return { y: linear(t.input("x", "f32", [1, 3]), w), row: rows(w, t.input("ids", "i32", [1])) };
    });
    const compiled = compile(graph, { store, chooser, onChoice: (event) => told.push(event) });
    const { y } = await compiled.run({ x: f32([1, 3], [1, 2.0005, 4]), ids: { dtype: "i32", shape: [1], data: Int32Array.of(1) } });
    const [row, product] = told.toSorted((a, b) => b.what.localeCompare(a.what));
    expect(row).toEqual({ what: "w rows", chosen: "rows-half", why: "first candidate of the storage" });
    return [product!, [...(y!.data as Float32Array)]];
  }

  it("runs in f16, near to what it gives in f32", async () => {
    const [choice, y] = await chosen("f16", roundActivations());
    expect(choice).toEqual({ what: "w linear", chosen: "linear-f16", why: "rounded activations were asked for" });
    expect(y).toEqual([12, -7]);
    const [exact, z] = await chosen("f16", firstCandidate);
    expect(exact.chosen).toBe("linear-half");
    expect(z[0]).not.toBe(12);
    expect(z[0]).toBeCloseTo(12, 3);
  });

  it.each([
    ["f16", ["linear-f16"]],
    ["bf16", []],
  ] as const)("runs widened where there is no kernel for it, and says so: %s", async (dtype, missing) => {
    const [choice] = await chosen(dtype, roundActivations(), missing);
    expect(choice.chosen).toBe("linear-half");
    expect(choice.why).toBe("no kernel here rounds activations for this storage; first candidate of the storage");
  });
});
