import { describe, expect, it } from "vitest";
import { modules } from "../src/generated/modules.ts";
import { instantiateOwn } from "../src/instantiate.ts";
import { agree, selfCheck } from "../src/self-check.ts";
import type { WasmFunctions } from "../src/encoder.ts";

async function plain(): Promise<{ functions: WasmFunctions; memory: WebAssembly.Memory }> {
  const memory = new WebAssembly.Memory({ initial: 1 });
  return { functions: await instantiateOwn({ variant: "simd", vectors: 128 }, memory), memory };
}

const relaxedRuns = WebAssembly.validate(await modules["relaxed-simd"]());

describe("the self-check", () => {
  it("computes something of every kernel it runs, the same each time", async () => {
    const [a, b] = [await plain(), await plain()];
    const found = selfCheck(a.functions, a.memory);
    expect(found.every(Number.isFinite)).toBe(true);
    expect(found.filter((value) => value === 0).length).toBeLessThan(found.length / 20);
    expect(found).toEqual(selfCheck(b.functions, b.memory));
  });

  it.each(["f32_gemm_5x8", "f32_exp", "f32_rms_norm_gradient", "f32_round_blocks", "i16_linear_affine_1x4"])(
    "notices a wrong %s",
    async (name) => {
      const [right, wrong] = [await plain(), await plain()];
      const broken: WasmFunctions = { ...wrong.functions, [name]: () => undefined };
      expect(agree(selfCheck(right.functions, right.memory), selfCheck(broken, wrong.memory))).toBe(false);
    },
  );

  it.skipIf(!relaxedRuns)("finds this engine's relaxed instructions equal but for rounding", async () => {
    const right = await plain();
    const memory = new WebAssembly.Memory({ initial: 1 });
    const relaxed = selfCheck(await instantiateOwn({ variant: "relaxed-simd", vectors: 128 }, memory), memory);
    expect(agree(selfCheck(right.functions, right.memory), relaxed)).toBe(true);
  });
});
