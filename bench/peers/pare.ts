/** Ours, as an application runs it: a traced graph, compiled for the device; an op without a kernel is an error. */
import { compile, createStore, denseOf, f32, linear, trace, type Device } from "@pare/tensor-core";
import type { Way } from "./way.ts";

export const PARE = "pare";

/** x·Wᵀ; x is state, so that nothing is written before a run. */
export function pareLinear(device: Device, x: Float32Array, weight: Float32Array, [m, k, n]: readonly number[]): Way {
  const store = createStore(device, { weights: new Map([["weight", denseOf(f32([n!, k!], weight))]]) });
  store.setState("x", f32([m!, k!], x));
  const graph = trace((t) => ({ y: linear(t.state("x", "f32", [m!, k!]), t.weight("weight", [n!, k!])) }));
  const compiled = compile(graph, { store });
  return {
    run: () => compiled.run({}, { read: [] }),
    result: async () => (await compiled.run())["y"]!.data as Float32Array,
  };
}
