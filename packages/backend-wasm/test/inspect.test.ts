import { describe, expect, it } from "vitest";
import { poolConstants } from "../kernels/constants.ts";
import { misnamed, unshareable } from "../kernels/inspect.ts";
import { modules } from "../src/generated/modules.ts";

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

describe("the pool of constants", () => {
  it("takes each constant once by its type, and leaves zero and sums where they are", () => {
    const text = "a(f32x4.splat(1.5e-8), f32x4.splat(-2), i32x4.splat(-2), f32x4.splat(1.5e-8), f32x4.splat(0), f32x4.splat(x))";
    const { texts, writer } = poolConstants([text, "f32x4.splat(-2)"]);
    expect(texts).toEqual([
      "a(v128.load32_splat(64), v128.load32_splat(68), v128.load32_splat(72), v128.load32_splat(64), f32x4.splat(0), f32x4.splat(x))",
      "v128.load32_splat(68)",
    ]);
    expect(writer).toContain("store<f32>(to + 4, <f32>-2); store<i32>(to + 8, <i32>-2); return 12;");
  });
});

describe("the check on kernel modules", () => {
  it("passes the modules of this package", async () => {
    for (const module of Object.values(modules)) {
      const bytes = await module();
      expect(unshareable(bytes)).toBeUndefined();
      expect(misnamed(new WebAssembly.Module(bytes))).toBeUndefined();
    }
  });

  it.each(["gemm", "f32-gemm", "f32_", "F32_gemm", "f32_gemm_4x"])("refuses a kernel called %s", (name) => {
    const bytes = [...new TextEncoder().encode(name)];
    const code = [3, 2, 1, 0, 7, bytes.length + 4, 1, bytes.length, ...bytes, 0, 0, 10, 4, 1, 2, 0, 0x0b];
    expect(misnamed(new WebAssembly.Module(Uint8Array.from([...HEADER, 1, 4, 1, 0x60, 0, 0, ...code])))).toContain(name);
  });

  it.each([
    ["data segments", [11, 7, 1, 0, 0x41, 8, 0x0b, 1, 42]],
    ["a mutable global", [6, 12, 2, 0x7d, 0, 0x43, 0, 0, 128, 63, 0x0b, 0x7f, 1, 0x41, 0, 0x0b]],
    ["a start function", [8, 1, 0]],
  ])("refuses %s", (what, section) => {
    expect(unshareable(Uint8Array.from([...HEADER, 1, 4, 1, 0x60, 0, 0, ...section]))).toContain(what);
  });
});
