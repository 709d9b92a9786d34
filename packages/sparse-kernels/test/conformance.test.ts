import { describe, expect, it, test } from "vitest";
import { openGpujs } from "@pare/backend-gpujs";
import { openWasm } from "@pare/backend-wasm";
import { SPARSE_OPS } from "@pare/sparse-kernels";
import { SPARSE_UNSUPPORTED, sparseGpujsPack } from "@pare/sparse-kernels/gpujs";
import { sparseWasmPack } from "@pare/sparse-kernels/wasm";
import { openReference } from "@pare/tensor-core";
import { checkGradients, conformance, runCase, type AnyCase } from "@pare/tensor-core/testing";

describe("reference", () => {
  conformance({ device: () => Promise.resolve(openReference()), ops: SPARSE_OPS, test });
});

describe("wasm, plain SIMD", () => {
  conformance({ device: () => openWasm({ packs: [sparseWasmPack], portable: true }), ops: SPARSE_OPS, test });
});

describe("wasm, relaxed SIMD in vectors of 128 bits where this engine has it", () => {
  conformance({ device: () => openWasm({ packs: [sparseWasmPack], wide: false }), ops: SPARSE_OPS, test });
});

describe("wasm, the widest of this engine", () => {
  conformance({ device: () => openWasm({ packs: [sparseWasmPack] }), ops: SPARSE_OPS, test });
});

describe("gpu.js, on the CPU", () => {
  conformance({
    device: () => openGpujs({ mode: "cpu", packs: [sparseGpujsPack] }),
    ops: SPARSE_OPS,
    skip: SPARSE_UNSUPPORTED,
    test,
  });
});

describe.each(SPARSE_OPS.filter(({ gradient }) => gradient !== undefined).map((op) => [op.name, op] as const))("%s", (_name, op) => {
  it("has the gradient that finite differences show, in every case small enough", () => {
    let compared = 0;
    for (const one of op.cases() as Iterable<AnyCase>) {
      const found = checkGradients(op, one);
      expect([one.name, found.mismatches]).toEqual([one.name, []]);
      compared += found.compared;
    }
    expect(compared).toBeGreaterThan(1000);
  });
});

describe("vectors of 256 bits", () => {
  it("give the bytes of 128, where this engine has them", async () => {
    const [widest, narrow] = [await openWasm({ packs: [sparseWasmPack] }), await openWasm({ packs: [sparseWasmPack], wide: false })];
    for (const op of SPARSE_OPS) {
      for (const one of op.cases() as Iterable<AnyCase>) {
        const [found, expected] = [await runCase(widest, op, one, { runs: 1 }), await runCase(narrow, op, one, { runs: 1 })];
        expect([op.name, one.name, found.outputs]).toEqual([op.name, one.name, expected.outputs]);
      }
    }
  });
});
