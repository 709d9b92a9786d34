import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { openGpujs } from "@pare/backend-gpujs";
import { openWasm } from "@pare/backend-wasm";
import { SPARSE_OPS } from "@pare/sparse-kernels";
import { SPARSE_UNSUPPORTED, sparseGpujsPack } from "@pare/sparse-kernels/gpujs";
import { sparseWasmPack } from "@pare/sparse-kernels/wasm";
import { openReference } from "@pare/tensor-core";
import { joined, outcomesOf } from "../../backend-wasm/test/wide-outcomes.ts";
import { checkGradients, conformance, type AnyCase } from "@pare/tensor-core/testing";

describe("reference", () => {
  conformance({ device: () => Promise.resolve(openReference()), ops: SPARSE_OPS, test });
});

describe("wasm, plain SIMD", () => {
  conformance({ device: () => openWasm({ packs: [sparseWasmPack], portable: true }), ops: SPARSE_OPS, test });
});

describe("wasm, the variant of this engine", () => {
  conformance({ device: () => openWasm({ packs: [sparseWasmPack] }), ops: SPARSE_OPS, test });
});

describe("wasm, kernels made for wide vectors", () => {
  conformance({ device: () => openWasm({ packs: [sparseWasmPack], wide: true }), ops: SPARSE_OPS, test });
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
  const [major] = process.versions.node.split(".");
  it.skipIf(process.arch !== "x64" || (major !== "24" && major !== "26"))("give the bytes of 128", async () => {
    const { plain, relaxed } = await joined(join(import.meta.dirname, "wide-child.ts"));
    expect(relaxed).toEqual(await outcomesOf(await openWasm({ packs: [sparseWasmPack] }), SPARSE_OPS));
    expect(plain).toEqual(await outcomesOf(await openWasm({ packs: [sparseWasmPack], portable: true }), SPARSE_OPS));
  });
});
