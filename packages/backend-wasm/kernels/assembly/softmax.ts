/** Softmax and cross-entropy over rows of n floats. y may be x. */
import { expNonPositive4 } from "./lib/math";
import { expRow, logOf, rowMax, scaleRow, sumExp } from "./lib/rows";
import { loadTail, storeTail } from "./lib/simd";

export function f32_softmax(x: usize, y: usize, rows: i32, n: i32): void {
  const width = <usize>n << 2;
  for (let r = 0; r < rows; r++, x += width, y += width) {
    const total = expRow(x, y, n, rowMax(x, n));
    scaleRow(y, y, n, 1 / total);
  }
}

export function f32_log_softmax(x: usize, y: usize, rows: i32, n: i32): void {
  const width = <usize>n << 2;
  for (let r = 0; r < rows; r++, x += width, y += width) {
    const largest = rowMax(x, n);
    shiftRow(x, y, n, largest, logOf(sumExp(x, n, largest)));
  }
}

/** y[i] = (x[i] − a) − b */
function shiftRow(x: usize, y: usize, n: i32, a: f32, b: f32): void {
  const u = f32x4.splat(a), v = f32x4.splat(b);
  const end = y + (<usize>(n & ~3) << 2);
  for (; y < end; y += 16, x += 16) v128.store(y, f32x4.sub(f32x4.sub(v128.load(x), u), v));
  const rest = n & 3;
  if (rest) storeTail(y, f32x4.sub(f32x4.sub(loadTail(x, rest), u), v), rest);
}

/** nll[r] = log Σ e^logits − logits[target], 0 where target < 0. A target past the row gives NaN. */
export function f32_cross_entropy(logits: usize, targets: usize, nll: usize, logSumExp: usize, rows: i32, n: i32): void {
  const width = <usize>n << 2;
  for (let r = 0; r < rows; r++, logits += width, targets += 4, nll += 4, logSumExp += 4) {
    const largest = rowMax(logits, n);
    const rest = logOf(sumExp(logits, n, largest));
    store<f32>(logSumExp, largest + rest);
    const target = load<i32>(targets);
    // The largest goes first, so that a sure prediction keeps its digits.
    if (target < 0) store<f32>(nll, 0);
    else store<f32>(nll, target < n ? largest - load<f32>(logits + (<usize>target << 2)) + rest : NaN);
  }
}

/** y = grad[r]·(softmax(logits) − 1 at the target); a row without a target is 0. */
export function f32_cross_entropy_gradient(
  grad: usize, logits: usize, targets: usize, logSumExp: usize, y: usize, rows: i32, n: i32,
): void {
  const width = <usize>n << 2;
  for (let r = 0; r < rows; r++, grad += 4, logits += width, targets += 4, logSumExp += 4, y += width) {
    const target = load<i32>(targets);
    if (target < 0) {
      memory.fill(y, 0, width);
      continue;
    }
    const g = load<f32>(grad);
    probabilities(logits, y, n, load<f32>(logSumExp), g);
    const at = y + (<usize>target << 2);
    if (target < n) store<f32>(at, load<f32>(at) - g);
  }
}

/** y[i] = scale·e^(x[i] − shift), shift at least the largest x. */
function probabilities(x: usize, y: usize, n: i32, shift: f32, scale: f32): void {
  const u = f32x4.splat(shift), v = f32x4.splat(scale);
  const end = y + (<usize>(n & ~3) << 2);
  if (WIDE) {
    for (; y + 32 <= end; y += 32, x += 32) {
      const a = f32x4.mul(expNonPositive4(f32x4.sub(v128.load(x), u)), v), b = f32x4.mul(expNonPositive4(f32x4.sub(v128.load(x, 16), u)), v);
      v128.store(y, a);
      v128.store(y, b, 16);
    }
  }
  for (; y < end; y += 16, x += 16) v128.store(y, f32x4.mul(expNonPositive4(f32x4.sub(v128.load(x), u)), v));
  const rest = n & 3;
  if (rest) storeTail(y, f32x4.mul(expNonPositive4(f32x4.sub(loadTail(x, rest), u)), v), rest);
}
