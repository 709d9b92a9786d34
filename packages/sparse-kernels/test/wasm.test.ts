import { describe, expect, it } from "vitest";
import { openWasm } from "@pare/backend-wasm";
import { toBlock, toCsr, SPARSE_OPS } from "@pare/sparse-kernels";
import { sparseWasmPack } from "@pare/sparse-kernels/wasm";
import {
  add,
  compile,
  createStore,
  f32,
  gelu,
  linear,
  openReference,
  trace,
  uniform,
  sizeOf,
  type Device,
  type HostTensor,
  type StoredWeight,
} from "@pare/tensor-core";

const LAYOUTS = { csr: toCsr, block: (dense: Parameters<typeof toCsr>[0]): StoredWeight => toBlock(dense, { rows: 4 }) };

/** gelu(x·Wᵀ + b) + r over the stored weight; throws where the device lacks a kernel. */
async function run(device: Device, weight: StoredWeight, tokens: number): Promise<{ y: Float32Array; choices: string[] }> {
  const [out, features] = weight.shape as [number, number];
  const choices: string[] = [];
  const store = createStore(device, { weights: new Map([["w", weight]]) });
  const graph = trace((t) => {
    const x = t.input("x", "f32", [tokens, features]);
    const r = t.input("r", "f32", [tokens, out]);
    const b = t.input("b", "f32", [out]);
    return { y: add(gelu(linear(x, t.weight("w", [out, features]), b)), r) };
  });
  const layer = compile(graph, { store, onChoice: ({ chosen }) => choices.push(chosen) });
  const { y } = await layer.run({ x: draw(0, [tokens, features]), r: draw(1, [tokens, out]), b: draw(2, [out]) });
  await store.dispose();
  return { y: y!.data as Float32Array, choices };
}

function draw(stream: number, shape: readonly number[]): HostTensor {
  return f32(
    shape,
    uniform(5, stream, sizeOf(shape)).map((value) => value - 0.5),
  );
}

describe.each([true, false])("a pruned layer on the WebAssembly device, portable %s", (portable) => {
  it.each(["csr", "block"] as const)("%s: runs sparse and gives what the dense weight gives", async (layout) => {
    const device = await openWasm({ packs: [sparseWasmPack], portable });
    for (const [out, features, tokens] of [
      [96, 64, 1],
      [97, 63, 11],
      [130, 257, 24],
    ] as const) {
      const dense = f32(
        [out, features],
        uniform(9, out, out * features).map((value) => (value < 0.8 ? 0 : value - 0.9)),
      );
      const weight = LAYOUTS[layout](dense);
      const found = await run(device, weight, tokens);
      expect(found.choices).toEqual([`sparse-${layout}-linear`]);
      const expected = await run(openReference(), { ...weight, candidates: () => [] }, tokens);
      expect(expected.choices).toEqual([]);
      let worst = 0;
      expected.y.forEach((value, i) => (worst = Math.max(worst, Math.abs(found.y[i]! - value) / Math.max(1, Math.abs(value)))));
      expect(worst).toBeLessThan(1e-5);
    }
    await device.close();
  });

  it("has a kernel for every op of the package, and none without the pack", async () => {
    const [device, bare] = await Promise.all([openWasm({ packs: [sparseWasmPack], portable }), openWasm({ portable })]);
    for (const { name } of SPARSE_OPS) expect([name, device.supports(name), bare.supports(name)]).toEqual([name, true, false]);
  });
});
