/** Normalisations of rows of n floats, and their gradients. Gradients of weight and bias sum over rows in ascending order. */
import { laneMask, loadTail, madd, nmadd, storeTail, sumLanes } from "./lib/simd";

// @ts-ignore: decorator
@inline
function sumOfSquares(x: usize, n: i32, mean: f32): f32 {
  const m = f32x4.splat(mean);
  let a = f32x4.splat(0), b = f32x4.splat(0);
  const end = x + (<usize>(n & ~7) << 2);
  for (; x < end; x += 32) {
    const u = f32x4.sub(v128.load(x), m), v = f32x4.sub(v128.load(x, 16), m);
    a = madd(u, u, a);
    b = madd(v, v, b);
  }
  if (n & 4) {
    const u = f32x4.sub(v128.load(x), m);
    a = madd(u, u, a);
    x += 16;
  }
  const rest = n & 3;
  if (rest) {
    const u = v128.and(f32x4.sub(loadTail(x, rest), m), laneMask(rest));
    b = madd(u, u, b);
  }
  return sumLanes(f32x4.add(a, b));
}

// @ts-ignore: decorator
@inline
function meanOf(x: usize, n: i32): f32 {
  let a = f32x4.splat(0), b = f32x4.splat(0);
  const end = x + (<usize>(n & ~7) << 2);
  for (; x < end; x += 32) {
    a = f32x4.add(a, v128.load(x));
    b = f32x4.add(b, v128.load(x, 16));
  }
  if (n & 4) {
    a = f32x4.add(a, v128.load(x));
    x += 16;
  }
  const rest = n & 3;
  if (rest) b = f32x4.add(b, loadTail(x, rest));
  return sumLanes(f32x4.add(a, b)) / <f32>n;
}

// @ts-ignore: decorator
@inline
function inverseRoot(squares: f32, n: i32, epsilon: f32): f32 {
  return 1 / sqrt<f32>(squares / <f32>n + epsilon);
}

export function f32_rms_norm(x: usize, weight: usize, y: usize, rows: i32, n: i32, epsilon: f32): void {
  for (let r = 0; r < rows; r++, x += <usize>n << 2) {
    const inverse = f32x4.splat(inverseRoot(sumOfSquares(x, n, 0), n, epsilon));
    let p = x, w = weight, i = n >> 2;
    if (WIDE) {
      for (; i > 1; i -= 2, p += 32, w += 32, y += 32) {
        const u = f32x4.mul(f32x4.mul(v128.load(p), inverse), v128.load(w));
        const v = f32x4.mul(f32x4.mul(v128.load(p, 16), inverse), v128.load(w, 16));
        v128.store(y, u);
        v128.store(y, v, 16);
      }
    }
    for (; i > 0; i--, p += 16, w += 16, y += 16) {
      v128.store(y, f32x4.mul(f32x4.mul(v128.load(p), inverse), v128.load(w)));
    }
    const rest = n & 3;
    if (rest) {
      storeTail(y, f32x4.mul(f32x4.mul(loadTail(p, rest), inverse), loadTail(w, rest)), rest);
      y += <usize>rest << 2;
    }
  }
}

export function f32_layer_norm(x: usize, weight: usize, bias: usize, y: usize, rows: i32, n: i32, epsilon: f32): void {
  for (let r = 0; r < rows; r++, x += <usize>n << 2) {
    const mean = meanOf(x, n);
    const inverse = f32x4.splat(inverseRoot(sumOfSquares(x, n, mean), n, epsilon));
    const m = f32x4.splat(mean);
    let p = x, w = weight, b = bias, i = n >> 2;
    if (WIDE) {
      for (; i > 1; i -= 2, p += 32, w += 32, b += 32, y += 32) {
        const u = madd(f32x4.mul(f32x4.sub(v128.load(p), m), inverse), v128.load(w), v128.load(b));
        const v = madd(f32x4.mul(f32x4.sub(v128.load(p, 16), m), inverse), v128.load(w, 16), v128.load(b, 16));
        v128.store(y, u);
        v128.store(y, v, 16);
      }
    }
    for (; i > 0; i--, p += 16, w += 16, b += 16, y += 16) {
      v128.store(y, madd(f32x4.mul(f32x4.sub(v128.load(p), m), inverse), v128.load(w), v128.load(b)));
    }
    const rest = n & 3;
    if (rest) {
      storeTail(y, madd(f32x4.mul(f32x4.sub(loadTail(p, rest), m), inverse), loadTail(w, rest), loadTail(b, rest)), rest);
      y += <usize>rest << 2;
    }
  }
}

/**
 * With x̂ = x·inverse and g = grad·weight: toX = inverse·(g − x̂·mean(g·x̂)), toWeight = Σ grad·x̂.
 */
export function f32_rms_norm_gradient(
  x: usize, weight: usize, grad: usize, toX: usize, toWeight: usize, rows: i32, n: i32, epsilon: f32,
): void {
  const width = <usize>n << 2;
  memory.fill(toWeight, 0, width);
  for (let r = 0; r < rows; r++, x += width, grad += width, toX += width) {
    const inverse = inverseRoot(sumOfSquares(x, n, 0), n, epsilon);
    gradientRow(x, weight, grad, toX, toWeight, 0, n, 0, inverse, false);
  }
}

/**
 * With x̂ = (x − mean)·inverse and g = grad·weight: toX = inverse·(g − mean(g) − x̂·mean(g·x̂)), toWeight = Σ grad·x̂,
 * toBias = Σ grad.
 */
export function f32_layer_norm_gradient(
  x: usize, weight: usize, grad: usize, toX: usize, toWeight: usize, toBias: usize, rows: i32, n: i32, epsilon: f32,
): void {
  const width = <usize>n << 2;
  memory.fill(toWeight, 0, width);
  memory.fill(toBias, 0, width);
  for (let r = 0; r < rows; r++, x += width, grad += width, toX += width) {
    const mean = meanOf(x, n);
    const inverse = inverseRoot(sumOfSquares(x, n, mean), n, epsilon);
    gradientRow(x, weight, grad, toX, toWeight, toBias, n, mean, inverse, true);
  }
}

// @ts-ignore: decorator
@inline
function gradientRow(
  x: usize, weight: usize, grad: usize, toX: usize, toWeight: usize, toBias: usize, n: i32, mean: f32, inverse: f32, centred: bool,
): void {
  const m = f32x4.splat(mean), s = f32x4.splat(inverse);
  const end = <usize>(n & ~3) << 2;
  const rest = n & 3;
  let along = f32x4.splat(0), plain = f32x4.splat(0);
  let o: usize = 0;
  for (; o < end; o += 16) {
    const h = f32x4.mul(f32x4.sub(v128.load(x + o), m), s);
    const d = v128.load(grad + o);
    const g = f32x4.mul(d, v128.load(weight + o));
    along = madd(g, h, along);
    if (centred) plain = f32x4.add(plain, g);
    v128.store(toWeight + o, madd(d, h, v128.load(toWeight + o)));
    if (centred) v128.store(toBias + o, f32x4.add(d, v128.load(toBias + o)));
  }
  if (rest) {
    const h = f32x4.mul(f32x4.sub(loadTail(x + o, rest), m), s);
    const d = loadTail(grad + o, rest);
    const g = f32x4.mul(d, loadTail(weight + o, rest));
    along = madd(g, h, along);
    if (centred) plain = f32x4.add(plain, g);
    storeTail(toWeight + o, madd(d, h, loadTail(toWeight + o, rest)), rest);
    if (centred) storeTail(toBias + o, f32x4.add(d, loadTail(toBias + o, rest)), rest);
  }
  const meanAlong = f32x4.splat(sumLanes(along) / <f32>n);
  const meanPlain = f32x4.splat(centred ? sumLanes(plain) / <f32>n : 0);
  for (o = 0; o < end; o += 16) {
    const h = f32x4.mul(f32x4.sub(v128.load(x + o), m), s);
    const g = f32x4.sub(f32x4.mul(v128.load(grad + o), v128.load(weight + o)), meanPlain);
    v128.store(toX + o, f32x4.mul(nmadd(h, meanAlong, g), s));
  }
  if (rest) {
    const h = f32x4.mul(f32x4.sub(loadTail(x + o, rest), m), s);
    const g = f32x4.sub(f32x4.mul(loadTail(grad + o, rest), loadTail(weight + o, rest)), meanPlain);
    storeTail(toX + o, f32x4.mul(nmadd(h, meanAlong, g), s), rest);
  }
}
