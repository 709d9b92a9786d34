/** jax-js on its WebAssembly device: one thread in Node, where it finds no `Worker`. */
import type { Array as JaxArray } from "@jax-js/jax";
import type { Way } from "./way.ts";

export const JAX = "jax-js";

export type Jax = typeof import("@jax-js/jax");

export async function openJax(): Promise<Jax> {
  // It asks the navigator, which Node 20 lacks, for the number of cores.
  if (globalThis.navigator === undefined) Object.defineProperty(globalThis, "navigator", { value: {} });
  // Other peers make Node's Worker global; jax-js would conclude that it can start threads of a page, and fail.
  Reflect.deleteProperty(globalThis, "Worker");
  const jax = await import("@jax-js/jax");
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  return jax;
}

/** Fails where an array is not where it has to be. */
export function onWasm(array: JaxArray): JaxArray {
  if (array.device !== "wasm") throw new Error(`jax-js ran on ${array.device}`);
  return array;
}

export function arrayOf({ numpy }: Jax, values: Float32Array | Int32Array, shape: readonly number[]): JaxArray {
  return numpy.array(values as Float32Array<ArrayBuffer>).reshape([...shape]);
}

/** x·Wᵀ, jitted; W as `[out, in]` or turned beforehand, whichever `turned` says. */
export async function jaxLinear(x: Float32Array, weight: Float32Array, [m, k, n]: readonly number[], turned: boolean): Promise<Way> {
  const jax = await openJax();
  const { jit, numpy: np, blockUntilReady } = jax;
  const [a, w] = [arrayOf(jax, x, [m!, k!]), arrayOf(jax, weight, [n!, k!])];
  const b = turned ? await blockUntilReady(np.transpose(w).add(0)) : w;
  const product = jit((left: JaxArray, right: JaxArray) => np.matmul(left, turned ? right : np.transpose(right)));
  let y: JaxArray | undefined;
  return {
    run: async () => {
      y?.dispose();
      y = await blockUntilReady(product(a.ref, b.ref) as JaxArray);
    },
    result: async () => (await onWasm(y!).ref.data()) as Float32Array,
  };
}
