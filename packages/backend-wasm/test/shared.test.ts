import { describe, expect, it } from "vitest";
import { modules } from "../src/generated/modules.ts";
import { sharedModule } from "../src/team/shared.ts";

describe("a module for shared memory", () => {
  it.each(Object.keys(modules) as (keyof typeof modules)[])("takes shared memory alone and exports the same: %s", async (variant) => {
    const plain = new WebAssembly.Module(await modules[variant]());
    const shared = new WebAssembly.Module(sharedModule(await modules[variant]()));
    expect(WebAssembly.Module.exports(shared)).toEqual(WebAssembly.Module.exports(plain));
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true });
    const { exports } = await WebAssembly.instantiate(shared, { env: { memory } });
    new Float32Array(memory.buffer).fill(-3, 0, 5);
    (exports["f32_abs"] as (x: number, y: number, n: number) => void)(0, 64, 5);
    expect([...new Float32Array(memory.buffer, 64, 6)]).toEqual([3, 3, 3, 3, 3, 0]);
    await expect(
      WebAssembly.instantiate(shared, { env: { memory: new WebAssembly.Memory({ initial: 1, maximum: 4 }) } }),
    ).rejects.toThrow();
  });

  it("is refused for a module that imports anything else", () => {
    const imports = [2, 9, 1, 1, 0x65, 1, 0x66, 3, 0x7f, 0];
    expect(() => sharedModule(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...imports]))).toThrow(/one unbounded memory/);
  });
});
