/**
 * Normalisations of rows of n floats, and their gradients. The sums of a row wait for one another, each for the one before, so that several
 * rows are summed side by side; each is summed in the same order as if it were alone. Gradients of weight and bias sum over rows in ascending
 * order.
 */
import { laneMask, loadTail, madd, nmadd, storeTail, sumLanes } from "./lib/simd";

// @ts-ignore: decorator
@inline
function inverseRoot(squares: f32, n: i32, epsilon: f32): f32 {
  return 1 / sqrt<f32>(squares / <f32>n + epsilon);
}

/** Σ x of four rows, one to a lane. */
// @ts-ignore: decorator
@inline
function sums4(x0: usize, x1: usize, x2: usize, x3: usize, n: i32): v128 {
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
// @ts-ignore: decorator
@inline
function squares4(x0: usize, x1: usize, x2: usize, x3: usize, n: i32, means: v128): v128 {
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
function inverseRoots(squares: v128, n: i32, epsilon: f32): v128 {
  const mean = f32x4.div(squares, f32x4.splat(<f32>n));
  return f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(mean, f32x4.splat(epsilon))));
}

// @ts-ignore: decorator
@inline
function normal(x: v128, mean: v128, root: v128, centred: bool): v128 {
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

export function f32_rms_norm(x: usize, weight: usize, y: usize, rows: i32, n: i32, epsilon: f32): void {
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

export function f32_layer_norm(x: usize, weight: usize, bias: usize, y: usize, rows: i32, n: i32, epsilon: f32): void {
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
 * With x̂ = x·root and g = grad·weight: toX = root·(g − x̂·mean(g·x̂)), toWeight = Σ grad·x̂.
 */
export function f32_rms_norm_gradient(
  x: usize, weight: usize, grad: usize, toX: usize, toWeight: usize, rows: i32, n: i32, epsilon: f32,
): void {
  const width = <usize>n << 2;
  memory.fill(toWeight, 0, width);
  for (; rows > 0; rows -= 4, x += 4 * width, grad += 4 * width, toX += 4 * width) {
    const x1 = rows > 1 ? x + width : x, x2 = rows > 2 ? x1 + width : x1, x3 = rows > 3 ? x2 + width : x2;
    const roots = inverseRoots(squares4(x, x1, x2, x3, n, f32x4.splat(0)), n, epsilon);
    const a = f32x4.extract_lane(roots, 0), b = f32x4.extract_lane(roots, 1);
    const c = f32x4.extract_lane(roots, 2), d = f32x4.extract_lane(roots, 3);
    if (rows > 1) rmsGradients(x, weight, grad, toX, toWeight, n, a, b);
    else rmsGradient(x, weight, grad, toX, toWeight, n, a);
    if (rows > 3) rmsGradients(x2, weight, grad + 2 * width, toX + 2 * width, toWeight, n, c, d);
    else if (rows == 3) rmsGradient(x2, weight, grad + 2 * width, toX + 2 * width, toWeight, n, c);
  }
}

function rmsGradient(x: usize, weight: usize, grad: usize, toX: usize, toWeight: usize, n: i32, root: f32): void {
  gradientRows(x, weight, grad, toX, toWeight, 0, n, 0, root, 0, 0, false, false);
}

function rmsGradients(x: usize, weight: usize, grad: usize, toX: usize, toWeight: usize, n: i32, root: f32, next: f32): void {
  gradientRows(x, weight, grad, toX, toWeight, 0, n, 0, root, 0, next, false, true);
}

/**
 * With x̂ = (x − mean)·root and g = grad·weight: toX = root·(g − mean(g) − x̂·mean(g·x̂)), toWeight = Σ grad·x̂, toBias = Σ grad.
 */
export function f32_layer_norm_gradient(
  x: usize, weight: usize, grad: usize, toX: usize, toWeight: usize, toBias: usize, rows: i32, n: i32, epsilon: f32,
): void {
  const width = <usize>n << 2;
  memory.fill(toWeight, 0, width);
  memory.fill(toBias, 0, width);
  for (; rows > 0; rows -= 4, x += 4 * width, grad += 4 * width, toX += 4 * width) {
    const x1 = rows > 1 ? x + width : x, x2 = rows > 2 ? x1 + width : x1, x3 = rows > 3 ? x2 + width : x2;
    const means = f32x4.div(sums4(x, x1, x2, x3, n), f32x4.splat(<f32>n));
    const roots = inverseRoots(squares4(x, x1, x2, x3, n, means), n, epsilon);
    const k = f32x4.extract_lane(means, 0), l = f32x4.extract_lane(means, 1);
    const a = f32x4.extract_lane(roots, 0), b = f32x4.extract_lane(roots, 1);
    if (rows > 1) layerGradients(x, weight, grad, toX, toWeight, toBias, n, k, a, l, b);
    else layerGradient(x, weight, grad, toX, toWeight, toBias, n, k, a);
    const y = grad + 2 * width, to = toX + 2 * width;
    const m = f32x4.extract_lane(means, 2), c = f32x4.extract_lane(roots, 2);
    if (rows > 3) {
      layerGradients(x2, weight, y, to, toWeight, toBias, n, m, c, f32x4.extract_lane(means, 3), f32x4.extract_lane(roots, 3));
    } else if (rows == 3) layerGradient(x2, weight, y, to, toWeight, toBias, n, m, c);
  }
}

function layerGradient(
  x: usize, weight: usize, grad: usize, toX: usize, toWeight: usize, toBias: usize, n: i32, mean: f32, root: f32,
): void { gradientRows(x, weight, grad, toX, toWeight, toBias, n, mean, root, 0, 0, true, false); }

function layerGradients(
  x: usize, weight: usize, grad: usize, toX: usize, toWeight: usize, toBias: usize, n: i32,
  mean: f32, root: f32, nextMean: f32, nextRoot: f32,
): void { gradientRows(x, weight, grad, toX, toWeight, toBias, n, mean, root, nextMean, nextRoot, true, true); }

/** Of one row, or with `two` of it and the next. */
// @ts-ignore: decorator
@inline
function gradientRows(
  x: usize, weight: usize, grad: usize, toX: usize, toWeight: usize, toBias: usize, n: i32,
  mean: f32, root: f32, nextMean: f32, nextRoot: f32, centred: bool, two: bool,
): void {
  const m = f32x4.splat(mean), s = f32x4.splat(root), l = f32x4.splat(nextMean), t = f32x4.splat(nextRoot);
  const width = <usize>n << 2, end = <usize>(n & ~3) << 2;
  const rest = n & 3;
  let along = f32x4.splat(0), plain = along, nextAlong = along, nextPlain = along;
  let o: usize = 0;
  for (; o < end; o += 16) {
    const w = v128.load(weight + o);
    const h = normal(v128.load(x + o), m, s, centred), d = v128.load(grad + o), g = f32x4.mul(d, w);
    let toW = madd(d, h, v128.load(toWeight + o)), toB = centred ? f32x4.add(d, v128.load(toBias + o)) : d;
    along = madd(g, h, along);
    if (centred) plain = f32x4.add(plain, g);
    if (two) {
      const h = normal(v128.load(x + width + o), l, t, centred), d = v128.load(grad + width + o), g = f32x4.mul(d, w);
      toW = madd(d, h, toW);
      if (centred) toB = f32x4.add(d, toB);
      nextAlong = madd(g, h, nextAlong);
      if (centred) nextPlain = f32x4.add(nextPlain, g);
    }
    v128.store(toWeight + o, toW);
    if (centred) v128.store(toBias + o, toB);
  }
  if (rest) {
    const w = loadTail(weight + o, rest);
    const h = normal(loadTail(x + o, rest), m, s, centred), d = loadTail(grad + o, rest), g = f32x4.mul(d, w);
    let toW = madd(d, h, loadTail(toWeight + o, rest)), toB = centred ? f32x4.add(d, loadTail(toBias + o, rest)) : d;
    along = madd(g, h, along);
    if (centred) plain = f32x4.add(plain, g);
    if (two) {
      const h = normal(loadTail(x + width + o, rest), l, t, centred), d = loadTail(grad + width + o, rest), g = f32x4.mul(d, w);
      toW = madd(d, h, toW);
      if (centred) toB = f32x4.add(d, toB);
      nextAlong = madd(g, h, nextAlong);
      if (centred) nextPlain = f32x4.add(nextPlain, g);
    }
    storeTail(toWeight + o, toW, rest);
    if (centred) storeTail(toBias + o, toB, rest);
  }
  spread(x, weight, grad, toX, n, m, s, mean4(along, n), mean4(plain, n), centred);
  if (two) spread(x + width, weight, grad + width, toX + width, n, l, t, mean4(nextAlong, n), mean4(nextPlain, n), centred);
}

/** The mean of what four lanes summed, in each lane. */
// @ts-ignore: decorator
@inline
function mean4(sum: v128, n: i32): v128 {
  return f32x4.splat(sumLanes(sum) / <f32>n);
}

/** toX = root·(g − plain − x̂·along) */
// @ts-ignore: decorator
@inline
function spread(
  x: usize, weight: usize, grad: usize, toX: usize, n: i32, mean: v128, root: v128, along: v128, plain: v128, centred: bool,
): void {
  const end = <usize>(n & ~3) << 2;
  let o: usize = 0;
  if (WIDE) {
    for (; o + 32 <= end; o += 32) {
      const u = spread4(v128.load(x + o), v128.load(weight + o), v128.load(grad + o), mean, root, along, plain, centred);
      const v = spread4(v128.load(x + o, 16), v128.load(weight + o, 16), v128.load(grad + o, 16), mean, root, along, plain, centred);
      v128.store(toX + o, u);
      v128.store(toX + o, v, 16);
    }
  }
  for (; o < end; o += 16) {
    v128.store(toX + o, spread4(v128.load(x + o), v128.load(weight + o), v128.load(grad + o), mean, root, along, plain, centred));
  }
  const rest = n & 3;
  if (rest) {
    const v = spread4(loadTail(x + o, rest), loadTail(weight + o, rest), loadTail(grad + o, rest), mean, root, along, plain, centred);
    storeTail(toX + o, v, rest);
  }
}

// @ts-ignore: decorator
@inline
function spread4(x: v128, weight: v128, grad: v128, mean: v128, root: v128, along: v128, plain: v128, centred: bool): v128 {
  const g = f32x4.mul(grad, weight);
  return f32x4.mul(nmadd(normal(x, mean, root, centred), along, centred ? f32x4.sub(g, plain) : g), root);
}
