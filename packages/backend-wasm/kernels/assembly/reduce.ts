/** x is `outer` × n × `inner`, neighbours along n `stride` bytes apart; y is `outer` × `inner`. */
import { laneMask, loadTail, maxLanes, sumLanes, storeTail } from "./lib/simd";

// @ts-ignore: decorator
@inline
function combine(kind: i32, a: v128, b: v128): v128 {
  if (kind == 1) return f32x4.max(a, b);
  return f32x4.add(a, b);
}

/** Reduces n adjacent floats. */
// @ts-ignore: decorator
@inline
function along(kind: i32, x: usize, n: i32): f32 {
  const start = kind == 1 ? f32x4.splat(-Infinity) : f32x4.splat(0);
  let a = start, b = start, c = start, d = start;
  const wide = x + (<usize>(n & ~15) << 2);
  for (; x < wide; x += 64) {
    a = combine(kind, a, v128.load(x));
    b = combine(kind, b, v128.load(x, 16));
    c = combine(kind, c, v128.load(x, 32));
    d = combine(kind, d, v128.load(x, 48));
  }
  const end = x + (<usize>(n & 12) << 2);
  for (; x < end; x += 16) a = combine(kind, a, v128.load(x));
  const rest = n & 3;
  if (rest) b = combine(kind, b, v128.bitselect(loadTail(x, rest), start, laneMask(rest)));
  const v = combine(kind, combine(kind, a, b), combine(kind, c, d));
  if (kind == 1) return maxLanes(v);
  return sumLanes(v);
}

/** Reduces n rows `stride` bytes apart into one row of `inner`. */
// @ts-ignore: decorator
@inline
function across(kind: i32, x: usize, y: usize, n: i32, inner: i32, stride: usize, scale: f32): void {
  const start = kind == 1 ? f32x4.splat(-Infinity) : f32x4.splat(0);
  const s = f32x4.splat(scale);
  let j = 0;
  for (; j + 16 <= inner; j += 16, x += 64, y += 64) {
    let a = start, b = start, c = start, d = start;
    let p = x;
    for (let i = 0; i < n; i++, p += stride) {
      a = combine(kind, a, v128.load(p));
      b = combine(kind, b, v128.load(p, 16));
      c = combine(kind, c, v128.load(p, 32));
      d = combine(kind, d, v128.load(p, 48));
    }
    v128.store(y, f32x4.mul(a, s));
    v128.store(y, f32x4.mul(b, s), 16);
    v128.store(y, f32x4.mul(c, s), 32);
    v128.store(y, f32x4.mul(d, s), 48);
  }
  for (; j + 4 <= inner; j += 4, x += 16, y += 16) {
    let a = start;
    let p = x;
    for (let i = 0; i < n; i++, p += stride) a = combine(kind, a, v128.load(p));
    v128.store(y, f32x4.mul(a, s));
  }
  const rest = inner & 3;
  if (rest) {
    let a = start;
    let p = x;
    for (let i = 0; i < n; i++, p += stride) a = combine(kind, a, loadTail(p, rest));
    storeTail(y, f32x4.mul(a, s), rest);
  }
}

// @ts-ignore: decorator
@inline
function reduce(kind: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32, stride: usize, scale: f32): void {
  for (let o = 0; o < outer; o++, x += n * stride, y += <usize>inner << 2) {
    if (stride == 4) store<f32>(y, along(kind, x, n) * scale);
    else across(kind, x, y, n, inner, stride, scale);
  }
}

/** y = scale·Σ x: the scale makes a mean of it. */
export function f32_sum(x: usize, y: usize, outer: i32, n: i32, inner: i32, stride: usize, scale: f32): void {
  reduce(0, x, y, outer, n, inner, stride, scale);
}

export function f32_max(x: usize, y: usize, outer: i32, n: i32, inner: i32, stride: usize, scale: f32): void {
  reduce(1, x, y, outer, n, inner, stride, scale);
}

/** Σ x² over n floats, summed in float64 across blocks of 1024. */
export function f32_sum_squares(x: usize, y: usize, n: i32): void {
  let total: f64 = 0;
  for (let block = 0; block < n; block += 1024) {
    let a = f32x4.splat(0), b = f32x4.splat(0);
    const count = min(1024, n - block);
    const wide = x + (<usize>(count & ~7) << 2);
    for (; x < wide; x += 32) {
      const u = v128.load(x), v = v128.load(x, 16);
      a = f32x4.add(a, f32x4.mul(u, u));
      b = f32x4.add(b, f32x4.mul(v, v));
    }
    for (let i = count & 7; i > 0; i--, x += 4) {
      const v = v128.load32_zero(x);
      a = f32x4.add(a, f32x4.mul(v, v));
    }
    total += <f64>sumLanes(f32x4.add(a, b));
  }
  store<f32>(y, <f32>total);
}

/** First index of the largest of n floats, per row. */
export function f32_argmax(x: usize, y: usize, rows: i32, n: i32): void {
  for (let r = 0; r < rows; r++, y += 4) {
    let best = 0;
    let largest = load<f32>(x);
    for (let i = 0; i < n; i++, x += 4) {
      const value = load<f32>(x);
      if (value > largest) {
        largest = value;
        best = i;
      }
    }
    store<i32>(y, best);
  }
}
