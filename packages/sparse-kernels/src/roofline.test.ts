import { describe, expect, it } from "vitest";
import { crossover, HARDWARE, isModelled, predict, type Hardware } from "./roofline.ts";

const LAYER = { tokens: 4096, features: 4096, out: 4096 };
const named = (id: string): Hardware => HARDWARE.find((each) => each.id === id)!;

describe("rooflines against published points", () => {
  it("V100: entries anywhere gain what Sputnik reports, 1.2 to 2.1 times, at the sparsities of its models", () => {
    for (const sparsity of [0.76, 0.8, 0.85]) {
      const { speedup } = predict(named("v100-f32"), "unstructured", LAYER, 1 - sparsity)!;
      expect(speedup).toBeGreaterThanOrEqual(1.2);
      expect(speedup).toBeLessThanOrEqual(2.1);
    }
  });

  it("a GPU's tensor cores are beaten from about 98 % on: PopSparse names 99", () => {
    expect(crossover(named("a100-f16"), "unstructured", LAYER)).toBeGreaterThan(0.97);
    expect(crossover(named("a100-f16"), "unstructured", LAYER)).toBeLessThan(0.995);
  });

  it("IPU: blocks from 90 % on, which it was fitted to", () => {
    expect(crossover(named("ipu-mk2-f16"), "block", LAYER)).toBeCloseTo(0.9, 2);
  });

  it("a core in WebAssembly: sparse wins well below the 70 % where Fast Sparse ConvNets begin", () => {
    expect(crossover(named("zen5-wasm"), "block", LAYER)).toBeLessThan(0.7);
    expect(crossover(named("zen5-wasm"), "unstructured", LAYER)).toBeLessThan(0.7);
  });
});

describe("the model", () => {
  it("for one token is bound by memory, where bytes decide", () => {
    const one = predict(named("v100-f32"), "unstructured", { ...LAYER, tokens: 1 }, 0.1)!;
    expect(one.bound).toBe("memory");
    expect(one.speedup).toBeGreaterThan(4);
    expect(one.speedup).toBeLessThan(5.1);
  });

  it("says nothing of kernels that nobody knows, and which results are models", () => {
    expect(predict(named("v100-f32"), "block", LAYER, 0.1)).toBeUndefined();
    expect(crossover(named("v100-f32"), "block", LAYER)).toBeUndefined();
    expect(isModelled(named("v100-f32"), named("v100-f32").unstructured!)).toBe(true);
    expect(isModelled(named("zen5-wasm"), named("zen5-wasm").block!)).toBe(false);
  });

  it("finds no crossing where sparse never wins", () => {
    const slow: Hardware = {
      ...named("v100-f32"),
      dense: { peak: 1e30, share: 1, basis: "assumed", source: "" },
      bandwidth: 1e30,
      unstructured: { peak: 1, share: 0, basis: "assumed", source: "" },
    };
    expect(crossover(slow, "unstructured", LAYER)).toBeUndefined();
  });
});
