/**
 * y = f(a, b) over three outer dimensions and one inner, y contiguous. Strides of the outer dimensions are bytes, 0 where an
 * operand repeats; `inner` says which operands repeat along the inner dimension: 0 neither, 1 a, 2 b. y may be a or b.
 */
import { loadTail, storeTail } from "./lib/simd";

// @ts-ignore: decorator
@inline
function apply4(kind: i32, a: v128, b: v128): v128 {
  switch (kind) {
    case 0: return f32x4.add(a, b);
    case 1: return f32x4.sub(a, b);
    case 2: return f32x4.mul(a, b);
    case 3: return f32x4.div(a, b);
    case 4: return f32x4.max(a, b);
    case 5: return f32x4.min(a, b);
    case 6: return v128.and(f32x4.gt(a, b), f32x4.splat(1));
    case 7: return v128.and(f32x4.eq(a, b), f32x4.splat(1));
    case 8: return i32x4.add(a, b);
    case 9: return i32x4.sub(a, b);
    case 10: return i32x4.mul(a, b);
    case 11: return v128.and(i32x4.gt_s(a, b), f32x4.splat(1));
    default: return v128.and(i32x4.eq(a, b), f32x4.splat(1));
  }
}

// @ts-ignore: decorator
@inline
function row(kind: i32, a: usize, b: usize, y: usize, n: i32, inner: i32): void {
  const end = y + (<usize>(n & ~3) << 2);
  const rest = n & 3;
  if (inner == 0) {
    if (WIDE) {
      for (; y + 32 <= end; y += 32, a += 32, b += 32) {
        const u = apply4(kind, v128.load(a), v128.load(b)), v = apply4(kind, v128.load(a, 16), v128.load(b, 16));
        v128.store(y, u);
        v128.store(y, v, 16);
      }
    }
    for (; y < end; y += 16, a += 16, b += 16) v128.store(y, apply4(kind, v128.load(a), v128.load(b)));
    if (rest) storeTail(y, apply4(kind, loadTail(a, rest), loadTail(b, rest)), rest);
  } else if (inner == 1) {
    const left = v128.load_splat<u32>(a);
    for (; y < end; y += 16, b += 16) v128.store(y, apply4(kind, left, v128.load(b)));
    if (rest) storeTail(y, apply4(kind, left, loadTail(b, rest)), rest);
  } else {
    const right = v128.load_splat<u32>(b);
    for (; y < end; y += 16, a += 16) v128.store(y, apply4(kind, v128.load(a), right));
    if (rest) storeTail(y, apply4(kind, loadTail(a, rest), right), rest);
  }
}

// @ts-ignore: decorator
@inline
function each(
  kind: i32, a: usize, b: usize, y: usize,
  n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize, n2: i32, a2: usize, b2: usize, n: i32, inner: i32,
): void {
  const width = <usize>n << 2;
  for (let i = 0; i < n0; i++) {
    for (let j = 0; j < n1; j++) {
      let left = a + i * a0 + j * a1;
      let right = b + i * b0 + j * b1;
      for (let l = 0; l < n2; l++, left += a2, right += b2, y += width) row(kind, left, right, y, n, inner);
    }
  }
}

export function f32_add(
  a: usize, b: usize, y: usize, n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize, n2: i32, a2: usize, b2: usize, n: i32, inner: i32,
): void { each(0, a, b, y, n0, a0, b0, n1, a1, b1, n2, a2, b2, n, inner); }
export function f32_sub(
  a: usize, b: usize, y: usize, n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize, n2: i32, a2: usize, b2: usize, n: i32, inner: i32,
): void { each(1, a, b, y, n0, a0, b0, n1, a1, b1, n2, a2, b2, n, inner); }
export function f32_mul(
  a: usize, b: usize, y: usize, n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize, n2: i32, a2: usize, b2: usize, n: i32, inner: i32,
): void { each(2, a, b, y, n0, a0, b0, n1, a1, b1, n2, a2, b2, n, inner); }
export function f32_div(
  a: usize, b: usize, y: usize, n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize, n2: i32, a2: usize, b2: usize, n: i32, inner: i32,
): void { each(3, a, b, y, n0, a0, b0, n1, a1, b1, n2, a2, b2, n, inner); }
export function f32_maximum(
  a: usize, b: usize, y: usize, n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize, n2: i32, a2: usize, b2: usize, n: i32, inner: i32,
): void { each(4, a, b, y, n0, a0, b0, n1, a1, b1, n2, a2, b2, n, inner); }
export function f32_minimum(
  a: usize, b: usize, y: usize, n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize, n2: i32, a2: usize, b2: usize, n: i32, inner: i32,
): void { each(5, a, b, y, n0, a0, b0, n1, a1, b1, n2, a2, b2, n, inner); }
export function f32_greater(
  a: usize, b: usize, y: usize, n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize, n2: i32, a2: usize, b2: usize, n: i32, inner: i32,
): void { each(6, a, b, y, n0, a0, b0, n1, a1, b1, n2, a2, b2, n, inner); }
export function f32_equal(
  a: usize, b: usize, y: usize, n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize, n2: i32, a2: usize, b2: usize, n: i32, inner: i32,
): void { each(7, a, b, y, n0, a0, b0, n1, a1, b1, n2, a2, b2, n, inner); }
export function i32_add(
  a: usize, b: usize, y: usize, n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize, n2: i32, a2: usize, b2: usize, n: i32, inner: i32,
): void { each(8, a, b, y, n0, a0, b0, n1, a1, b1, n2, a2, b2, n, inner); }
export function i32_sub(
  a: usize, b: usize, y: usize, n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize, n2: i32, a2: usize, b2: usize, n: i32, inner: i32,
): void { each(9, a, b, y, n0, a0, b0, n1, a1, b1, n2, a2, b2, n, inner); }
export function i32_mul(
  a: usize, b: usize, y: usize, n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize, n2: i32, a2: usize, b2: usize, n: i32, inner: i32,
): void { each(10, a, b, y, n0, a0, b0, n1, a1, b1, n2, a2, b2, n, inner); }
export function i32_greater(
  a: usize, b: usize, y: usize, n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize, n2: i32, a2: usize, b2: usize, n: i32, inner: i32,
): void { each(11, a, b, y, n0, a0, b0, n1, a1, b1, n2, a2, b2, n, inner); }
export function i32_equal(
  a: usize, b: usize, y: usize, n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize, n2: i32, a2: usize, b2: usize, n: i32, inner: i32,
): void { each(12, a, b, y, n0, a0, b0, n1, a1, b1, n2, a2, b2, n, inner); }
