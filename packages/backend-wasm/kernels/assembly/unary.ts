/**
 * y[i] = f(x[i]) over n floats; y may be x. Here and in other loops, two vectors are loaded before either is stored, and no branch lies
 * between them, where an engine may join them (`WIDE`).
 */
import { gelu4, geluSlope4, geluTanh4, geluTanhSlope4, erf4, exp4, log4, one, sigmoid4, silu4, siluSlope4, tanh4 } from "./lib/math";
import { loadTail, storeTail } from "./lib/simd";

// @ts-ignore: decorator
@inline
function apply4(kind: i32, v: v128): v128 {
  switch (kind) {
    case 0: return f32x4.neg(v);
    case 1: return exp4(v);
    case 2: return log4(v);
    case 3: return f32x4.sqrt(v);
    case 4: return f32x4.div(one(), f32x4.sqrt(v));
    case 5: return f32x4.abs(v);
    case 6: return tanh4(v);
    case 7: return sigmoid4(v);
    case 8: return f32x4.max(v, f32x4.splat(0));
    case 9: return erf4(v);
    case 10: return gelu4(v);
    case 11: return geluTanh4(v);
    default: return silu4(v);
  }
}

// @ts-ignore: decorator
@inline
function each(kind: i32, x: usize, y: usize, n: i32): void {
  const end = y + (<usize>(n & ~3) << 2);
  if (WIDE) {
    for (; y + 32 <= end; y += 32, x += 32) {
      const a = apply4(kind, v128.load(x)), b = apply4(kind, v128.load(x, 16));
      v128.store(y, a);
      v128.store(y, b, 16);
    }
  }
  for (; y < end; y += 16, x += 16) v128.store(y, apply4(kind, v128.load(x)));
  const rest = n & 3;
  if (rest) storeTail(y, apply4(kind, loadTail(x, rest)), rest);
}

export function f32_neg(x: usize, y: usize, n: i32): void { each(0, x, y, n); }
export function f32_exp(x: usize, y: usize, n: i32): void { each(1, x, y, n); }
export function f32_log(x: usize, y: usize, n: i32): void { each(2, x, y, n); }
export function f32_sqrt(x: usize, y: usize, n: i32): void { each(3, x, y, n); }
export function f32_rsqrt(x: usize, y: usize, n: i32): void { each(4, x, y, n); }
export function f32_abs(x: usize, y: usize, n: i32): void { each(5, x, y, n); }
export function f32_tanh(x: usize, y: usize, n: i32): void { each(6, x, y, n); }
export function f32_sigmoid(x: usize, y: usize, n: i32): void { each(7, x, y, n); }
export function f32_relu(x: usize, y: usize, n: i32): void { each(8, x, y, n); }
export function f32_erf(x: usize, y: usize, n: i32): void { each(9, x, y, n); }
export function f32_gelu(x: usize, y: usize, n: i32): void { each(10, x, y, n); }
export function f32_gelu_tanh(x: usize, y: usize, n: i32): void { each(11, x, y, n); }
export function f32_silu(x: usize, y: usize, n: i32): void { each(12, x, y, n); }

// @ts-ignore: decorator
@inline
function chained4(kind: i32, grad: v128, x: v128): v128 {
  switch (kind) {
    case 0: return v128.and(grad, f32x4.gt(x, f32x4.splat(0)));
    case 1: return f32x4.mul(grad, geluSlope4(x));
    case 2: return f32x4.mul(grad, geluTanhSlope4(x));
    default: return f32x4.mul(grad, siluSlope4(x));
  }
}

/** y[i] = grad[i]·f′(x[i]); y may be either. */
// @ts-ignore: decorator
@inline
function chain(kind: i32, grad: usize, x: usize, y: usize, n: i32): void {
  const end = <usize>(n & ~3) << 2;
  let o: usize = 0;
  if (WIDE) {
    for (; o + 32 <= end; o += 32) {
      const a = chained4(kind, v128.load(grad + o), v128.load(x + o)), b = chained4(kind, v128.load(grad + o, 16), v128.load(x + o, 16));
      v128.store(y + o, a);
      v128.store(y + o, b, 16);
    }
  }
  for (; o < end; o += 16) v128.store(y + o, chained4(kind, v128.load(grad + o), v128.load(x + o)));
  const rest = n & 3;
  if (rest) storeTail(y + o, chained4(kind, loadTail(grad + o, rest), loadTail(x + o, rest)), rest);
}

export function f32_relu_gradient(grad: usize, x: usize, y: usize, n: i32): void { chain(0, grad, x, y, n); }
export function f32_gelu_gradient(grad: usize, x: usize, y: usize, n: i32): void { chain(1, grad, x, y, n); }
export function f32_gelu_tanh_gradient(grad: usize, x: usize, y: usize, n: i32): void { chain(2, grad, x, y, n); }
export function f32_silu_gradient(grad: usize, x: usize, y: usize, n: i32): void { chain(3, grad, x, y, n); }
