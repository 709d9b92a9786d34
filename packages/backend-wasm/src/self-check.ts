import type { WasmFunctions } from "./encoder.ts";

/** Runs a few kernels that use relaxed instructions over one page of memory; what they give must not depend on the variant. */
export function selfCheck(functions: WasmFunctions, memory: WebAssembly.Memory): Float32Array {
  const floats = new Float32Array(memory.buffer);
  for (let i = 0; i < 64; i++) floats[i] = ((i * 37) % 64) / 8 - 4;
  functions["exp_f32"]!(0, 1024, 64);
  return floats.slice(256, 256 + 64);
}
