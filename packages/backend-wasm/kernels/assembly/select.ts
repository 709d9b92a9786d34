import { loadTail, storeTail } from "./lib/simd";

/**
 * y = condition ≠ 0 ? a : b over three outer dimensions and one inner of n floats, y contiguous. Each operand has three outer
 * strides in bytes and an inner one, 4 or 0.
 */
export function f32_select(
  c: usize, a: usize, b: usize, y: usize,
  n0: i32, c0: usize, a0: usize, b0: usize, n1: i32, c1: usize, a1: usize, b1: usize, n2: i32, c2: usize, a2: usize, b2: usize,
  n: i32, cInner: usize, aInner: usize, bInner: usize,
): void {
  const whole = n & ~3;
  const rest = n & 3;
  for (let i = 0; i < n0; i++) {
    for (let j = 0; j < n1; j++) {
      for (let l = 0; l < n2; l++) {
        let pc = c + i * c0 + j * c1 + l * c2;
        let pa = a + i * a0 + j * a1 + l * a2;
        let pb = b + i * b0 + j * b1 + l * b2;
        for (let t = 0; t < whole; t += 4, y += 16, pc += 4 * cInner, pa += 4 * aInner, pb += 4 * bInner) {
          v128.store(y, choose(four(pc, cInner), four(pa, aInner), four(pb, bInner)));
        }
        if (rest) {
          storeTail(y, choose(few(pc, cInner, rest), few(pa, aInner, rest), few(pb, bInner, rest)), rest);
          y += <usize>rest << 2;
        }
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function choose(c: v128, a: v128, b: v128): v128 {
  return v128.bitselect(b, a, f32x4.eq(c, f32x4.splat(0)));
}

// @ts-ignore: decorator
@inline
function four(p: usize, inner: usize): v128 {
  if (inner == 0) return v128.load_splat<u32>(p);
  return v128.load(p);
}

// @ts-ignore: decorator
@inline
function few(p: usize, inner: usize, count: i32): v128 {
  if (inner == 0) return v128.load_splat<u32>(p);
  return loadTail(p, count);
}
