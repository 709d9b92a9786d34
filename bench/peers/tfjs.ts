/** TensorFlow.js on its WebAssembly backend, with SIMD; it has no threads in Node. */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import type { Tensor } from "@tensorflow/tfjs";
import type { Way } from "./way.ts";

export const TFJS = "tfjs-wasm";

export type Tf = typeof import("@tensorflow/tfjs");

export async function openTfjs(): Promise<Tf> {
  const loaded = await import("@tensorflow/tfjs");
  const tf = ("default" in loaded ? (loaded as { default: Tf }).default : loaded) as Tf;
  const { setWasmPaths } = (await import("@tensorflow/tfjs-backend-wasm")) as typeof import("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm"))}/`);
  await tf.setBackend("wasm");
  await tf.ready();
  if (tf.getBackend() !== "wasm") throw new Error(`tfjs runs on ${tf.getBackend()}`);
  if (!(await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT"))) throw new Error("tfjs runs without SIMD");
  return tf;
}

/** x·Wᵀ over W turned beforehand: its product with a transposed operand runs 10 times slower. */
export async function tfjsLinear(x: Float32Array, weight: Float32Array, [m, k, n]: readonly number[]): Promise<Way> {
  const tf = await openTfjs();
  const [a, b] = [tf.tensor2d(x, [m!, k!]), tf.tidy(() => tf.transpose(tf.tensor2d(weight, [n!, k!])))];
  let y: Tensor | undefined;
  return {
    run: async () => {
      y?.dispose();
      y = tf.matMul(a, b);
    },
    result: async () => y!.dataSync(),
  };
}
