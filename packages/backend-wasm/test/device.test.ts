import { defineOp, f32, i32, type DeviceBuffer, type PlannedTensor } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { implement, openWasm, UNSUPPORTED } from "../src/index.ts";
import { packOf } from "./pack.ts";

const doubleExp = defineOp({
  name: "double-exp",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }) => ({ y: x }),
  reference: ({ x }) => ({
    y: f32(
      x.shape,
      Float32Array.from(x.data as Float32Array, (v) => Math.exp(Math.exp(v))),
    ),
  }),
  cases: () => [],
});

const pack = packOf("test", [
  implement(doubleExp, (encoder, { x }, { y }) => {
    const between = encoder.scratch(x.size * 4);
    encoder.call("f32_exp", x.address, between, x.size);
    encoder.call("f32_exp", between, y.address, x.size);
  }),
]);

function plan(buffer: DeviceBuffer, offset: number, length: number): PlannedTensor {
  return { dtype: "f32", shape: [length], buffer, offset, constant: false };
}

async function floats(read: Promise<Uint8Array>): Promise<number[]> {
  return [...new Float32Array((await read).buffer)];
}

describe("the wasm device", () => {
  it.each([[[pack]], [[]]])("runs a pack's kernel, or the op's reference without it", async (packs) => {
    const device = await openWasm({ packs });
    const buffer = device.allocate(256);
    device.write(buffer, Float32Array.of(0, 1, -1, 0.5, 0.25));
    const program = device.prepare([
      { op: doubleExp, attrs: {}, inputs: { x: plan(buffer, 0, 5) }, outputs: { y: plan(buffer, 64, 5) } },
      { op: doubleExp, attrs: {}, inputs: { x: plan(buffer, 0, 5) }, outputs: { y: plan(buffer, 128, 5) } },
    ]);
    await program.run();
    const found = await floats(device.read(buffer, 64, 20));
    [0, 1, -1, 0.5, 0.25].forEach((v, i) => expect(found[i]).toBeCloseTo(Math.exp(Math.exp(v)), 4));
    expect(await floats(device.read(buffer, 128, 20))).toEqual(found);
    expect(device.supports("double-exp")).toBe(packs.length === 1);
    program.dispose();
    await device.close();
  });

  it("gives zeroed, aligned memory again after it was freed", async () => {
    const device = await openWasm();
    const buffers = [100, 200, 300].map((bytes) => device.allocate(bytes));
    for (const buffer of buffers) device.write(buffer, new Uint8Array(buffer.bytes).fill(255));
    for (const buffer of [buffers[1]!, buffers[0]!, buffers[2]!]) device.free(buffer);
    const again = device.allocate(700);
    expect(again.handle).toBe(buffers[0]!.handle);
    expect((again.handle as number) % 64).toBe(0);
    expect((await device.read(again, 0, 700)).every((byte) => byte === 0)).toBe(true);
  });

  it("refuses what exceeds its limit before taking it", async () => {
    const device = await openWasm({ memoryLimit: 2 ** 20 });
    expect(() => device.allocate(2 ** 20)).toThrow(/device-memory-exceeded/);
    expect(() => device.allocate(2 ** 33)).toThrow(/device-memory-exceeded/);
    expect(device.allocate(2 ** 19).bytes).toBe(2 ** 19);
  });

  it("frees what a failed encoding took, and names the function that is missing", async () => {
    const wrong = {
      ...pack,
      kernels: [
        implement(doubleExp, (encoder) => {
          encoder.persist(2 ** 19);
          encoder.call("f32_epx");
        }),
      ],
    };
    const device = await openWasm({ packs: [wrong], memoryLimit: 2 ** 20 });
    const buffer = device.allocate(64);
    const step = { op: doubleExp, attrs: {}, inputs: { x: plan(buffer, 0, 4) }, outputs: { y: plan(buffer, 0, 4) } };
    for (let i = 0; i < 3; i++) expect(() => device.prepare([step])).toThrow(/f32_exp/);
  });

  it("has no kernel for what it declares it has none for", async () => {
    const device = await openWasm();
    expect(Object.keys(UNSUPPORTED).filter((op) => device.supports(op))).toEqual([]);
    await device.close();
  });

  it("runs plain SIMD when asked to be portable", async () => {
    expect((await openWasm({ portable: true })).variant).toBe("simd");
  });

  it("refuses a pack that was built with other constants", async () => {
    const [name, wrong] = [new TextEncoder().encode("f32_constants"), [0x41, 0, 0x0b]];
    const types = [1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f];
    const imports = [2, 15, 1, 3, ...new TextEncoder().encode("env"), 6, ...new TextEncoder().encode("memory"), 2, 0, 1];
    const code = [3, 2, 1, 0, 7, name.length + 4, 1, name.length, ...name, 0, 0, 10, wrong.length + 3, 1, wrong.length + 1, 0, ...wrong];
    const module = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...types, ...imports, ...code]);
    const outdated = { ...pack, modules: { simd: () => module, "relaxed-simd": () => module } };
    await expect(openWasm({ packs: [outdated] })).rejects.toThrow(/pack-outdated/);
  });

  it("refuses types it does not compute in", async () => {
    const device = await openWasm({ packs: [pack] });
    const buffer = device.allocate(64);
    const x: PlannedTensor = { ...plan(buffer, 0, 4), dtype: "f64" };
    expect(() => device.prepare([{ op: doubleExp, attrs: {}, inputs: { x }, outputs: { y: x } }])).toThrow(/dtype-unsupported/);
  });

  it("keeps integers as they are", async () => {
    const device = await openWasm();
    const buffer = device.allocate(12);
    device.write(buffer, i32([3], [1, -2, 3]).data);
    expect([...new Int32Array((await device.read(buffer, 0, 12)).buffer)]).toEqual([1, -2, 3]);
  });
});
