/** What a linear op applies last. Numbers are part of the interface to encoders: `src/kernels/activation.ts` names them. */
import { gelu4, geluTanh4, silu4 } from "./math";

// @ts-ignore: decorator
@inline
export const NONE: i32 = 0;
// @ts-ignore: decorator
@inline
export const RELU: i32 = 1;
// @ts-ignore: decorator
@inline
export const GELU: i32 = 2;
// @ts-ignore: decorator
@inline
export const GELU_TANH: i32 = 3;
// @ts-ignore: decorator
@inline
export const SILU: i32 = 4;

/** `activation` should be a constant where this is inlined: it is tested per vector otherwise. */
// @ts-ignore: decorator
@inline
export function activate4(v: v128, activation: i32): v128 {
  if (activation == RELU) return f32x4.max(v, f32x4.splat(0));
  if (activation == GELU) return gelu4(v);
  if (activation == GELU_TANH) return geluTanh4(v);
  if (activation == SILU) return silu4(v);
  return v;
}
