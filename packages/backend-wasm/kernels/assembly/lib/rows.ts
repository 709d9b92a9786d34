/** Rows of n floats: what softmax, attention and cross-entropy share. */
import { expNonPositive4, log4 } from "./math";
import { laneMask, loadTail, madd, maxLanes, storeTail, sumLanes } from "./simd";

export function rowMax(x: usize, n: i32): f32 {
  let a = f32x4.splat(-Infinity);
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16) a = f32x4.pmax(a, v128.load(x));
  let largest = maxLanes(a);
  for (let i = n & 3; i > 0; i--, x += 4) largest = max(largest, load<f32>(x));
  return largest;
}

/** y[i] = e^(x[i] − shift); gives their sum. `shift` is the largest x, so that nothing overflows. */
export function expRow(x: usize, y: usize, n: i32, shift: f32): f32 {
  const s = f32x4.splat(shift);
  let total = f32x4.splat(0);
  const end = y + (<usize>(n & ~3) << 2);
  if (WIDE) {
    for (; y + 32 <= end; y += 32, x += 32) {
      const e = expNonPositive4(f32x4.sub(v128.load(x), s)), f = expNonPositive4(f32x4.sub(v128.load(x, 16), s));
      v128.store(y, e);
      v128.store(y, f, 16);
      total = f32x4.add(f32x4.add(total, e), f);
    }
  }
  for (; y < end; y += 16, x += 16) {
    const e = expNonPositive4(f32x4.sub(v128.load(x), s));
    total = f32x4.add(total, e);
    v128.store(y, e);
  }
  const rest = n & 3;
  if (rest) {
    const e = expNonPositive4(f32x4.sub(loadTail(x, rest), s));
    total = f32x4.add(total, v128.and(e, laneMask(rest)));
    storeTail(y, e, rest);
  }
  return sumLanes(total);
}

/** Σ e^(x[i] − shift). */
export function sumExp(x: usize, n: i32, shift: f32): f32 {
  const s = f32x4.splat(shift);
  let total = f32x4.splat(0);
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16) total = f32x4.add(total, expNonPositive4(f32x4.sub(v128.load(x), s)));
  const rest = n & 3;
  if (rest) total = f32x4.add(total, v128.and(expNonPositive4(f32x4.sub(loadTail(x, rest), s)), laneMask(rest)));
  return sumLanes(total);
}

/** y[i] = scale·x[i] */
export function scaleRow(x: usize, y: usize, n: i32, scale: f32): void {
  const s = f32x4.splat(scale);
  const end = y + (<usize>(n & ~3) << 2);
  if (WIDE) {
    for (; y + 32 <= end; y += 32, x += 32) {
      const a = f32x4.mul(v128.load(x), s), b = f32x4.mul(v128.load(x, 16), s);
      v128.store(y, a);
      v128.store(y, b, 16);
    }
  }
  for (; y < end; y += 16, x += 16) v128.store(y, f32x4.mul(v128.load(x), s));
  const rest = n & 3;
  if (rest) storeTail(y, f32x4.mul(loadTail(x, rest), s), rest);
}

/** y[i] = scale·x[i] + b[i] */
export function scaleAddRow(x: usize, b: usize, y: usize, n: i32, scale: f32): void {
  const s = f32x4.splat(scale);
  const end = y + (<usize>(n & ~3) << 2);
  if (WIDE) {
    for (; y + 32 <= end; y += 32, x += 32, b += 32) {
      const u = madd(s, v128.load(x), v128.load(b)), v = madd(s, v128.load(x, 16), v128.load(b, 16));
      v128.store(y, u);
      v128.store(y, v, 16);
    }
  }
  for (; y < end; y += 16, x += 16, b += 16) v128.store(y, madd(s, v128.load(x), v128.load(b)));
  const rest = n & 3;
  if (rest) storeTail(y, madd(s, loadTail(x, rest), loadTail(b, rest)), rest);
}

/** Σ x[i]·y[i] */
export function dotRow(x: usize, y: usize, n: i32): f32 {
  let a = f32x4.splat(0), b = f32x4.splat(0);
  const end = x + (<usize>(n & ~7) << 2);
  for (; x < end; x += 32, y += 32) {
    a = madd(v128.load(x), v128.load(y), a);
    b = madd(v128.load(x, 16), v128.load(y, 16), b);
  }
  for (let i = n & 7; i >= 4; i -= 4, x += 16, y += 16) a = madd(v128.load(x), v128.load(y), a);
  const rest = n & 3;
  if (rest) b = madd(loadTail(x, rest), loadTail(y, rest), b);
  return sumLanes(f32x4.add(a, b));
}

// @ts-ignore: decorator
@inline
export function logOf(value: f32): f32 {
  return f32x4.extract_lane(log4(f32x4.splat(value)), 0);
}
