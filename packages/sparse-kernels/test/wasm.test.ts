import { describe, expect, it } from "vitest";
import { openWasm } from "@pare/backend-wasm";
import { toBlock, toCsr, toSparseAffine, SPARSE_OPS } from "@pare/sparse-kernels";
import { sparseWasmPack } from "@pare/sparse-kernels/wasm";
import {
  add,
  affineWeight,
  compile,
  createStore,
  f32,
  gelu,
  linear,
  openReference,
  roundActivations,
  sourceOf,
  trace,
  uniform,
  sizeOf,
  type Chooser,
  type Device,
  type HostTensor,
  type StoredWeight,
} from "@pare/tensor-core";

const LAYOUTS = { csr: toCsr, block: (dense: Parameters<typeof toCsr>[0]): StoredWeight => toBlock(dense, { rows: 4 }) };

/** gelu(x·Wᵀ + b) + r over the stored weight; throws where the device lacks a kernel. */
async function run(
  device: Device,
  weight: StoredWeight,
  tokens: number,
  chooser?: Chooser,
): Promise<{ y: Float32Array; choices: string[] }> {
  const [out, features] = weight.shape as [number, number];
  const choices: string[] = [];
  const store = createStore(device, { weights: new Map([["w", weight]]) });
  const graph = trace((t) => {
    const x = t.input("x", "f32", [tokens, features]);
    const r = t.input("r", "f32", [tokens, out]);
    const b = t.input("b", "f32", [out]);
    return { y: add(gelu(linear(x, t.weight("w", [out, features]), b)), r) };
  });
  const layer = compile(graph, { store, chooser, onChoice: ({ chosen }) => choices.push(chosen) });
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

  it("int8: pruned codes give the bytes of the same codes dense, for any number of tokens", async () => {
    const device = await openWasm({ packs: [sparseWasmPack], portable });
    for (const [out, features, tokens] of [
      [4, 2, 1],
      [97, 63, 7],
      [96, 64, 8],
      [130, 257, 24],
      [64, 770, 37],
    ] as const) {
      const { dense, sparse } = roundedBlocks(out, features);
      const [found, expected] = [
        await run(device, sparse, tokens, roundActivations()),
        await run(device, dense, tokens, roundActivations()),
      ];
      expect(found.choices).toEqual(["sparse-block-linear-int8"]);
      expect(found.y).toEqual(expected.y);
    }
    await device.close();
  });
});

/** Half of the 4×2 blocks pruned, as symmetric codes of 8 bits with a scale per output: sparse, and dense with the code of 0 in their place. */
function roundedBlocks(out: number, features: number): { readonly sparse: StoredWeight; readonly dense: StoredWeight } {
  const across = Math.ceil(features / 2);
  const chance = uniform(9, 0, Math.ceil(out / 4) * across);
  const kept = (at: number): boolean => chance[Math.floor(at / features / 4) * across + Math.floor((at % features) / 2)]! < 0.5;
  const values = uniform(9, 1, out * features);
  const codes = Uint8Array.from(values, (value, at) => (kept(at) ? 1 + Math.floor(255 * value) : 128));
  const scales = Float32Array.from(uniform(9, 2, out), (value) => 1e-3 * (1 + value));
  const shape: [number, number] = [out, features];
  const mask: HostTensor = { dtype: "u8", shape, data: Uint8Array.from(codes, (_, at) => Number(kept(at))) };
  const common = { shape, bits: 8, groupSize: features };
  return {
    sparse: toSparseAffine({ ...common, codes, scales }, { rows: 4, columns: 2 }, mask),
    dense: affineWeight({ ...common, codes: sourceOf({ dtype: "u8", shape, data: codes }), scales: sourceOf(f32([out, 1], scales)) }),
  };
}
