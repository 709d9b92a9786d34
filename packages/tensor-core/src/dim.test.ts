import { describe, expect, it } from "vitest";
import { addDims, bindDim, dim, mulDims, sameDim, subDims, symbolicSize } from "./dim.ts";
import { f32 } from "./host.ts";
import { add } from "./ops/binary.ts";
import { trace } from "./trace.ts";
import { compile } from "./compile.ts";
import { createStore } from "./store.ts";
import { openReference } from "./reference/device.ts";

const [batch, seq] = [dim("batch"), dim("seq")];

describe("a named dimension", () => {
  it("is the same however it was computed", () => {
    const expanded = addDims(addDims(mulDims(batch, batch), mulDims(2, mulDims(batch, seq))), mulDims(seq, seq));
    const squared = mulDims(addDims(batch, seq), addDims(seq, batch));
    expect(sameDim(squared, expanded)).toBe(true);
    expect(sameDim(squared, addDims(expanded, 1))).toBe(false);
    expect(subDims(addDims(seq, 3), seq)).toBe(3);
    expect(mulDims(seq, 0)).toBe(0);
    expect(String(symbolicSize([2, seq, batch]))).toBe("2*batch*seq");
  });

  it("binds to what its polynomial gives, and names what is not bound", () => {
    const padded = addDims(mulDims(2, mulDims(batch, seq)), subDims(seq, 1));
    expect(bindDim(padded, { batch: 3, seq: 5 })).toBe(34);
    expect(() => bindDim(padded, { seq: 5 })).toThrow(
      expect.objectContaining({ code: "tensor-core/dim-unbound", report: expect.objectContaining({ field: "batch" }) }),
    );
  });

  it("is no number while a function is traced", () => {
    const size = batch as unknown as number;
    const refused = expect.objectContaining({ code: "tensor-core/named-dim-as-number" });
    expect(() => size * 2).toThrow(refused);
    expect(() => Math.max(size, 1)).toThrow(refused);
    expect(() => new Float32Array(Number(size))).toThrow(refused);
    expect(`${size}`).toBe("batch");
  });

  it("has one size per run", async () => {
    const graph = trace((t) => ({ y: add(t.input("a", "f32", [batch, 2]), t.input("b", "f32", [batch, 1])) }));
    const compiled = compile(graph, { store: createStore(openReference()) });
    await expect(compiled.run({ a: f32([3, 2]), b: f32([2, 1]) })).rejects.toMatchObject({
      code: "tensor-core/shape-mismatch",
      report: { field: "b" },
    });
  });

  it("that no input shows must be given", async () => {
    const graph = trace((t) => ({ y: add(t.input("a", "f32", [mulDims(2, seq)]), 1) }));
    const store = createStore(openReference());
    await expect(compile(graph, { store }).run({ a: f32([4]) })).rejects.toMatchObject({ code: "tensor-core/dim-unbound" });
    expect((await compile(graph, { store, dims: { seq: 2 } }).run({ a: f32([4]) }))["y"]!.shape).toEqual([4]);
  });
});
