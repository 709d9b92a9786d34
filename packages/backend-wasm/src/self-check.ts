import type { WasmFunctions } from "./encoder.ts";

/** Below lie constants. */
const IN = 1024;
const OUT = 8192;
const SCRATCH = 16384;

/**
 * Runs kernels whose instructions differ between variants (a product with tails in every dimension, exponentials, a norm's gradient,
 * dot products of bytes with codes) over one page of memory that it fills first. What they give must not depend on the variant beyond
 * rounding.
 */
export function selfCheck(functions: WasmFunctions, memory: WebAssembly.Memory): Float32Array {
  const [m, n, k] = [13, 21, 19];
  const floats = new Float32Array(memory.buffer);
  for (let i = 0; i < 800; i++) floats[IN / 4 + i] = ((i * 37) % 101) / 25 - 2;
  const [left, right] = [IN, IN + 4 * m * k];
  const place = (address: number, row: number): number[] => [address, row, 4, 0];
  const blocks = [8, 10, 16, SCRATCH];
  functions["f32_gemm_5x8"]!(1, m, n, k, ...place(left, 4 * k), ...place(right, 4 * k), ...place(OUT, 4 * n), ...blocks, 0, 0, 0, 0, 0);
  const exponentials = OUT + 4 * m * n;
  functions["f32_exp"]!(IN, exponentials, 101);
  const gradients = exponentials + 4 * 101;
  functions["f32_rms_norm_gradient"]!(IN, IN + 4 * n, right, gradients, gradients + 8 * n, 2, n, 1e-5);
  const rounded = gradients + 12 * n;
  const [features, out, group] = [128, 6, 64];
  const codes = (out * features) / 2;
  const [q, scales, sums] = [SCRATCH, SCRATCH + 2 * features, SCRATCH + 2 * features + 4];
  functions["f32_round_blocks"]!(IN, q, scales, sums, 1, features, group, 4, SCRATCH + 4 * features);
  const weight = [IN, features / 2, IN + codes, 0, features / group, 4, group, features];
  functions["i16_linear_affine_1x4"]!(...weight, q, scales, sums, rounded, 4 * out, 1, out, 0, 0, 0, 0);
  return floats.slice(OUT / 4, rounded / 4 + out);
}

/** Equal but for rounding. */
export function agree(plain: Float32Array, relaxed: Float32Array): boolean {
  return relaxed.every((value, i) => Math.abs(value - plain[i]!) <= 1e-5 * Math.max(1, Math.abs(plain[i]!)));
}
