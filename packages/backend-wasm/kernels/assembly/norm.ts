/** Normalisations of rows of n floats, and their gradients. Those of weight and bias sum over rows in ascending order. */
import { inverseRoots, layerRows, normal, rmsRows, squares4, sums4 } from "./lib/norm";
import { loadTail, madd, nmadd, storeTail, sumLanes } from "./lib/simd";

export function f32_rms_norm(x: usize, weight: usize, y: usize, rows: i32, n: i32, epsilon: f32): void {
  rmsRows(x, weight, y, rows, n, epsilon);
}

export function f32_layer_norm(x: usize, weight: usize, bias: usize, y: usize, rows: i32, n: i32, epsilon: f32): void {
  layerRows(x, weight, bias, y, rows, n, epsilon);
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
