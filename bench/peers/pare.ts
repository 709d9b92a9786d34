/** Ours, as an application runs it: a traced graph, compiled for the device; an op without a kernel is an error. */
import { openWasm } from "@pare/backend-wasm";
import {
  affineWeight,
  compile,
  createStore,
  denseOf,
  f32,
  linear,
  roundActivations,
  sourceOf,
  trace,
  type Chooser,
  type Device,
  type StoredWeight,
} from "@pare/tensor-core";
import type { Int8Weight } from "./onnxruntime.ts";
import type { Way } from "./way.ts";

export const PARE = "pare";

type Shape = readonly [number, number, number];

/** x·Wᵀ; x is state, so that nothing is written before a run. */
export function pareLinear(device: Device, x: Float32Array, weight: Float32Array, shape: Shape): Way {
  return pareWeight(device, x, denseOf(f32([shape[2], shape[1]], weight)), shape);
}

/** The same over int8 codes with x rounded in the kernel, each row by a scale of its own. */
export function pareInt8Linear(device: Device, x: Float32Array, { codes, scales }: Int8Weight, shape: Shape): Way {
  const [, k, n] = shape;
  const unsigned = { dtype: "u8" as const, shape: [n, k], data: Uint8Array.from(codes, (code) => code + 128) };
  const parts = { shape: [n, k], bits: 8, groupSize: k, codes: sourceOf(unsigned), scales: sourceOf(f32([n, 1], scales)) };
  return pareWeight(device, x, affineWeight(parts), shape, roundActivations());
}

/** On a device as it opens in a program that says nothing of vectors: for `apart`. */
export async function narrowLinear(x: Float32Array, weight: Float32Array, shape: Shape): Promise<Way> {
  return pareLinear(await openWasm(), x, weight, shape);
}

export async function narrowInt8Linear(x: Float32Array, weight: Int8Weight, shape: Shape): Promise<Way> {
  return pareInt8Linear(await openWasm(), x, weight, shape);
}

/** x·Wᵀ over a weight however it is stored, run as the chooser says: as its storage would have it where none is given. */
export function pareWeight(device: Device, x: Float32Array, weight: StoredWeight, [m, k, n]: Shape, chooser?: Chooser): Way {
  const store = createStore(device, { weights: new Map([["weight", weight]]) });
  store.setState("x", f32([m, k], x));
  const graph = trace((t) => ({ y: linear(t.state("x", "f32", [m, k]), t.weight("weight", [n, k])) }));
  const compiled = compile(graph, { store, chooser });
  return {
    run: () => compiled.run({}, { read: [] }),
    result: async () => (await compiled.run())["y"]!.data as Float32Array,
  };
}
