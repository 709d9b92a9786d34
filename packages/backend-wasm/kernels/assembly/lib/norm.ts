/**
 * Norms of rows of n floats, which products apply to rows that they have finished. The sums of a row wait for one another, each for the one
 * before, so that four rows are summed side by side; each is summed in the same order as if it were alone.
 */
import { laneMask, loadTail, madd, storeTail, sumLanes } from "./simd";

/** Σ x of four rows, one to a lane. */
export function sums4(x0: usize, x1: usize, x2: usize, x3: usize, n: i32): v128 {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  const end = <usize>(n & ~7) << 2;
  let o: usize = 0;
  for (; o < end; o += 32) {
    a0 = f32x4.add(a0, v128.load(x0 + o));
    a1 = f32x4.add(a1, v128.load(x1 + o));
    a2 = f32x4.add(a2, v128.load(x2 + o));
    a3 = f32x4.add(a3, v128.load(x3 + o));
    b0 = f32x4.add(b0, v128.load(x0 + o, 16));
    b1 = f32x4.add(b1, v128.load(x1 + o, 16));
    b2 = f32x4.add(b2, v128.load(x2 + o, 16));
    b3 = f32x4.add(b3, v128.load(x3 + o, 16));
  }
  if (n & 4) {
    a0 = f32x4.add(a0, v128.load(x0 + o));
    a1 = f32x4.add(a1, v128.load(x1 + o));
    a2 = f32x4.add(a2, v128.load(x2 + o));
    a3 = f32x4.add(a3, v128.load(x3 + o));
    o += 16;
  }
  const rest = n & 3;
  if (rest) {
    b0 = f32x4.add(b0, loadTail(x0 + o, rest));
    b1 = f32x4.add(b1, loadTail(x1 + o, rest));
    b2 = f32x4.add(b2, loadTail(x2 + o, rest));
    b3 = f32x4.add(b3, loadTail(x3 + o, rest));
  }
  return lanes(f32x4.add(a0, b0), f32x4.add(a1, b1), f32x4.add(a2, b2), f32x4.add(a3, b3));
}

/** Σ (x − mean)² of four rows. */
export function squares4(x0: usize, x1: usize, x2: usize, x3: usize, n: i32, means: v128): v128 {
  const m0 = v128.shuffle<i32>(means, means, 0, 0, 0, 0), m1 = v128.shuffle<i32>(means, means, 1, 1, 1, 1);
  const m2 = v128.shuffle<i32>(means, means, 2, 2, 2, 2), m3 = v128.shuffle<i32>(means, means, 3, 3, 3, 3);
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  const end = <usize>(n & ~7) << 2;
  let o: usize = 0;
  for (; o < end; o += 32) {
    a0 = square(v128.load(x0 + o), m0, a0);
    a1 = square(v128.load(x1 + o), m1, a1);
    a2 = square(v128.load(x2 + o), m2, a2);
    a3 = square(v128.load(x3 + o), m3, a3);
    b0 = square(v128.load(x0 + o, 16), m0, b0);
    b1 = square(v128.load(x1 + o, 16), m1, b1);
    b2 = square(v128.load(x2 + o, 16), m2, b2);
    b3 = square(v128.load(x3 + o, 16), m3, b3);
  }
  if (n & 4) {
    a0 = square(v128.load(x0 + o), m0, a0);
    a1 = square(v128.load(x1 + o), m1, a1);
    a2 = square(v128.load(x2 + o), m2, a2);
    a3 = square(v128.load(x3 + o), m3, a3);
    o += 16;
  }
  const rest = n & 3;
  if (rest) {
    b0 = squareTail(x0 + o, m0, b0, rest);
    b1 = squareTail(x1 + o, m1, b1, rest);
    b2 = squareTail(x2 + o, m2, b2, rest);
    b3 = squareTail(x3 + o, m3, b3, rest);
  }
  return lanes(f32x4.add(a0, b0), f32x4.add(a1, b1), f32x4.add(a2, b2), f32x4.add(a3, b3));
}

// @ts-ignore: decorator
@inline
function square(x: v128, mean: v128, sum: v128): v128 {
  const d = f32x4.sub(x, mean);
  return madd(d, d, sum);
}

// @ts-ignore: decorator
@inline
function squareTail(x: usize, mean: v128, sum: v128, rest: i32): v128 {
  const d = v128.and(f32x4.sub(loadTail(x, rest), mean), laneMask(rest));
  return madd(d, d, sum);
}

// @ts-ignore: decorator
@inline
function lanes(a: v128, b: v128, c: v128, d: v128): v128 {
  let v = f32x4.splat(sumLanes(a));
  v = f32x4.replace_lane(v, 1, sumLanes(b));
  v = f32x4.replace_lane(v, 2, sumLanes(c));
  return f32x4.replace_lane(v, 3, sumLanes(d));
}

/** 1/√(squares ÷ n + ε) */
// @ts-ignore: decorator
@inline
export function inverseRoots(squares: v128, n: i32, epsilon: f32): v128 {
  const mean = f32x4.div(squares, f32x4.splat(<f32>n));
  return f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(mean, f32x4.splat(epsilon))));
}

// @ts-ignore: decorator
@inline
export function normal(x: v128, mean: v128, root: v128, centred: bool): v128 {
  return f32x4.mul(centred ? f32x4.sub(x, mean) : x, root);
}

/** y = weight·(x − mean)·root + bias; without `centred` neither mean nor bias. */
// @ts-ignore: decorator
@inline
function scaled(x: v128, mean: v128, root: v128, weight: v128, bias: v128, centred: bool): v128 {
  const v = normal(x, mean, root, centred);
  return centred ? madd(v, weight, bias) : f32x4.mul(v, weight);
}

// @ts-ignore: decorator
@inline
function scaleRow(x: usize, weight: usize, bias: usize, y: usize, n: i32, mean: f32, root: f32, centred: bool): void {
  const m = f32x4.splat(mean), s = f32x4.splat(root), zero = f32x4.splat(0);
  const end = <usize>(n & ~3) << 2;
  let o: usize = 0;
  if (WIDE) {
    for (; o + 32 <= end; o += 32) {
      const u = scaled(v128.load(x + o), m, s, v128.load(weight + o), centred ? v128.load(bias + o) : zero, centred);
      const v = scaled(v128.load(x + o, 16), m, s, v128.load(weight + o, 16), centred ? v128.load(bias + o, 16) : zero, centred);
      v128.store(y + o, u);
      v128.store(y + o, v, 16);
    }
  }
  for (; o < end; o += 16) {
    v128.store(y + o, scaled(v128.load(x + o), m, s, v128.load(weight + o), centred ? v128.load(bias + o) : zero, centred));
  }
  const rest = n & 3;
  if (rest) {
    const b = centred ? loadTail(bias + o, rest) : zero;
    storeTail(y + o, scaled(loadTail(x + o, rest), m, s, loadTail(weight + o, rest), b, centred), rest);
  }
}

function rmsRow(x: usize, weight: usize, y: usize, n: i32, root: f32): void { scaleRow(x, weight, 0, y, n, 0, root, false); }

function layerRow(x: usize, weight: usize, bias: usize, y: usize, n: i32, mean: f32, root: f32): void {
  scaleRow(x, weight, bias, y, n, mean, root, true);
}

export function rmsRows(x: usize, weight: usize, y: usize, rows: i32, n: i32, epsilon: f32): void {
  const width = <usize>n << 2;
  for (; rows > 0; rows -= 4, x += 4 * width, y += 4 * width) {
    // Rows that do not exist are the last one that does.
    const x1 = rows > 1 ? x + width : x, x2 = rows > 2 ? x1 + width : x1, x3 = rows > 3 ? x2 + width : x2;
    const roots = inverseRoots(squares4(x, x1, x2, x3, n, f32x4.splat(0)), n, epsilon);
    rmsRow(x, weight, y, n, f32x4.extract_lane(roots, 0));
    if (rows > 1) rmsRow(x1, weight, y + width, n, f32x4.extract_lane(roots, 1));
    if (rows > 2) rmsRow(x2, weight, y + 2 * width, n, f32x4.extract_lane(roots, 2));
    if (rows > 3) rmsRow(x3, weight, y + 3 * width, n, f32x4.extract_lane(roots, 3));
  }
}

export function layerRows(x: usize, weight: usize, bias: usize, y: usize, rows: i32, n: i32, epsilon: f32): void {
  const width = <usize>n << 2;
  for (; rows > 0; rows -= 4, x += 4 * width, y += 4 * width) {
    const x1 = rows > 1 ? x + width : x, x2 = rows > 2 ? x1 + width : x1, x3 = rows > 3 ? x2 + width : x2;
    const means = f32x4.div(sums4(x, x1, x2, x3, n), f32x4.splat(<f32>n));
    const roots = inverseRoots(squares4(x, x1, x2, x3, n, means), n, epsilon);
    layerRow(x, weight, bias, y, n, f32x4.extract_lane(means, 0), f32x4.extract_lane(roots, 0));
    if (rows > 1) layerRow(x1, weight, bias, y + width, n, f32x4.extract_lane(means, 1), f32x4.extract_lane(roots, 1));
    if (rows > 2) layerRow(x2, weight, bias, y + 2 * width, n, f32x4.extract_lane(means, 2), f32x4.extract_lane(roots, 2));
    if (rows > 3) layerRow(x3, weight, bias, y + 3 * width, n, f32x4.extract_lane(means, 3), f32x4.extract_lane(roots, 3));
  }
}

/**
 * What follows a product, of `rows` rows that are complete: the norm at `norm`, which is where y lies, in bytes from x on, then the addresses
 * of weight and bias (0: an RMS norm), then ε. 0: none.
 */
export function normalise(norm: usize, x: usize, rows: i32, n: i32): void {
  if (norm == 0) return;
  const y = x + load<u32>(norm), weight = load<u32>(norm, 4), bias = load<u32>(norm, 8), epsilon = load<f32>(norm, 12);
  if (bias == 0) rmsRows(x, weight, y, rows, n, epsilon);
  else layerRows(x, weight, bias, y, rows, n, epsilon);
}
