/** Linear layers over 4×1 blocks: a block's four weights are splatted and meet 8 tokens, 4 × 8 sums stay in registers. */
import { madd, loadTail, storeTail } from "../../../backend-wasm/kernels/assembly/lib/simd";
import { finish } from "./finish";
import { copyTile, panelBytes, storeTurned, unpack } from "./panels";

/** Blocks whose values and columns (20 bytes each) stay in the second-level cache while all panels pass. */
const CHUNK: i32 = 8192;

/**
 * y `[tokens, out]` = act(x·Wᵀ + bias) + residual, x as panels.
 *
 * @param tile 128 bytes of scratch. @param bias 0: none. @param residual 0: none.
 */
export function f32_linear_block_4x8(
  panels: usize, values: usize, columns: usize, starts: usize, bias: usize, residual: usize, y: usize, tile: usize,
  tokens: i32, features: i32, out: i32, activation: i32,
): void {
  const stride = <usize>out << 2;
  const bytes = panelBytes(features);
  const blockRows = (out + 3) >> 2;
  for (let first = 0, last = 0; first < blockRows; first = last) {
    const limit = rowStart(starts, first) + CHUNK;
    do { last++; } while (last < blockRows && rowStart(starts, last + 1) <= limit);
    const width = min(last << 2, out) - (first << 2);
    for (let token = 0; token < tokens; token += 8) {
      const count = min(8, tokens - token);
      const panel = panels + (<usize>token >> 3) * bytes;
      const rows = <usize>token * stride + (<usize>first << 4);
      for (let row = first; row < last; row++) {
        const whole = count == 8 && (row << 2) + 4 <= out;
        const target = y + <usize>token * stride + (<usize>row << 4);
        blockTile(panel, values, columns, starts, bias, row, whole ? target : tile, whole ? stride : 16);
        if (!whole) copyTile(tile, target, stride, count, min(4, out - (row << 2)));
      }
      finish(y + rows, residual == 0 ? 0 : residual + rows, count, width, stride, activation);
    }
  }
}

/** 4 outputs × 8 tokens of one block row, written `[8][4]`. */
// @ts-ignore: decorator
@inline
function blockTile(panel: usize, values: usize, columns: usize, starts: usize, bias: usize, row: i32, target: usize, stride: usize): void {
  const begin = <usize>rowStart(starts, row);
  const end = columns + (<usize>rowStart(starts, row + 1) << 2);
  let value = values + (begin << 4);
  let s00 = biasOf(bias, row, 0), s10 = biasOf(bias, row, 1), s20 = biasOf(bias, row, 2), s30 = biasOf(bias, row, 3);
  let s01 = s00, s11 = s10, s21 = s20, s31 = s30;
  for (let column = columns + (begin << 2); column < end; column += 4, value += 16) {
    const x = panel + (<usize>load<u32>(column) << 5);
    const x0 = v128.load(x), x1 = v128.load(x, 16);
    let w = v128.load32_splat(value);
    s00 = madd(w, x0, s00); s01 = madd(w, x1, s01);
    w = v128.load32_splat(value, 4);
    s10 = madd(w, x0, s10); s11 = madd(w, x1, s11);
    w = v128.load32_splat(value, 8);
    s20 = madd(w, x0, s20); s21 = madd(w, x1, s21);
    w = v128.load32_splat(value, 12);
    s30 = madd(w, x0, s30); s31 = madd(w, x1, s31);
  }
  storeTurned(s00, s10, s20, s30, target, stride);
  storeTurned(s01, s11, s21, s31, target + 4 * stride, stride);
}

/** One token: y `[out]` = act(W·x + bias) + residual. */
export function f32_linear_block_4x1(
  x: usize, values: usize, columns: usize, starts: usize, bias: usize, residual: usize, y: usize, out: i32, activation: i32,
): void {
  for (let row = 0; row < out; row += 4) {
    const begin = <usize>load<u32>(starts + <usize>row);
    const end = columns + (<usize>load<u32>(starts + <usize>row, 4) << 2);
    let column = columns + (begin << 2);
    let value = values + (begin << 4);
    const zero = f32x4.splat(0);
    let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    for (; column + 16 <= end; column += 16, value += 64) {
      s0 = madd(v128.load(value), at(x, load<u32>(column)), s0);
      s1 = madd(v128.load(value, 16), at(x, load<u32>(column, 4)), s1);
      s2 = madd(v128.load(value, 32), at(x, load<u32>(column, 8)), s2);
      s3 = madd(v128.load(value, 48), at(x, load<u32>(column, 12)), s3);
    }
    for (; column < end; column += 4, value += 16) s0 = madd(v128.load(value), at(x, load<u32>(column)), s0);
    const sum = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
    const place = <usize>row << 2;
    const rest = out - row;
    if (rest >= 4) v128.store(y + place, bias == 0 ? sum : f32x4.add(sum, v128.load(bias + place)));
    else storeTail(y + place, bias == 0 ? sum : f32x4.add(sum, loadTail(bias + place, rest)), rest);
  }
  finish(y, residual, 1, out, 0, activation);
}

/**
 * x `[tokens, features]` = grad·W, grad as panels.
 *
 * @param sums one panel of scratch.
 */
export function f32_linear_block_input_gradient_4x8(
  panels: usize, values: usize, columns: usize, starts: usize, x: usize, sums: usize, tokens: i32, features: i32, out: i32,
): void {
  const bytes = panelBytes(out);
  const blockRows = (out + 3) >> 2;
  for (let token = 0; token < tokens; token += 8, panels += bytes) {
    memory.fill(sums, 0, panelBytes(features));
    let value = values;
    for (let row = 0; row < blockRows; row++) {
      const grad = panels + (<usize>row << 7);
      const g00 = v128.load(grad), g01 = v128.load(grad, 16), g10 = v128.load(grad, 32), g11 = v128.load(grad, 48);
      const g20 = v128.load(grad, 64), g21 = v128.load(grad, 80), g30 = v128.load(grad, 96), g31 = v128.load(grad, 112);
      const end = columns + (<usize>rowStart(starts, row + 1) << 2);
      for (let column = columns + (<usize>rowStart(starts, row) << 2); column < end; column += 4, value += 16) {
        const sum = sums + (<usize>load<u32>(column) << 5);
        let s0 = v128.load(sum), s1 = v128.load(sum, 16);
        let w = v128.load32_splat(value);
        s0 = madd(w, g00, s0); s1 = madd(w, g01, s1);
        w = v128.load32_splat(value, 4);
        s0 = madd(w, g10, s0); s1 = madd(w, g11, s1);
        w = v128.load32_splat(value, 8);
        s0 = madd(w, g20, s0); s1 = madd(w, g21, s1);
        w = v128.load32_splat(value, 12);
        s0 = madd(w, g30, s0); s1 = madd(w, g31, s1);
        v128.store(sum, s0); v128.store(sum, s1, 16);
      }
    }
    unpack(sums, x + (<usize>token * <usize>features << 2), features, min(8, tokens - token));
  }
}

/**
 * gradient `[4·blocks]` = gradᵀ·x at the kept places, grad `[tokens, out]` as it is, x as panels.
 *
 * @param tile 128 bytes of scratch.
 */
export function f32_linear_block_values_gradient_4x8(
  grad: usize, panels: usize, columns: usize, starts: usize, gradient: usize, tile: usize, tokens: i32, features: i32, out: i32,
): void {
  const gradStride = <usize>out << 2;
  const bytes = panelBytes(features);
  const blockRows = (out + 3) >> 2;
  memory.fill(gradient, 0, <usize>rowStart(starts, blockRows) << 4);
  for (let token = 0; token < tokens; token += 8, panels += bytes, grad += 8 * gradStride) {
    const count = min(8, tokens - token);
    let target = gradient;
    for (let row = 0; row < blockRows; row++) {
      const outputs = min(4, out - (row << 2));
      let rows = grad + (<usize>row << 4);
      let stride = gradStride;
      if (count < 8 || outputs < 4) {
        memory.fill(tile, 0, 128);
        for (let t = 0; t < count; t++) memory.copy(tile + (<usize>t << 4), rows + <usize>t * stride, <usize>outputs << 2);
        rows = tile;
        stride = 16;
      }
      const g0 = v128.load(rows), g1 = v128.load(rows + stride), g2 = v128.load(rows + 2 * stride), g3 = v128.load(rows + 3 * stride);
      rows += 4 * stride;
      const g4 = v128.load(rows), g5 = v128.load(rows + stride), g6 = v128.load(rows + 2 * stride), g7 = v128.load(rows + 3 * stride);
      const end = columns + (<usize>rowStart(starts, row + 1) << 2);
      for (let column = columns + (<usize>rowStart(starts, row) << 2); column < end; column += 4, target += 16) {
        const x = panels + (<usize>load<u32>(column) << 5);
        let a = madd(g0, v128.load32_splat(x), v128.load(target));
        let b = f32x4.mul(g1, v128.load32_splat(x, 4));
        a = madd(g2, v128.load32_splat(x, 8), a);
        b = madd(g3, v128.load32_splat(x, 12), b);
        a = madd(g4, v128.load32_splat(x, 16), a);
        b = madd(g5, v128.load32_splat(x, 20), b);
        a = madd(g6, v128.load32_splat(x, 24), a);
        b = madd(g7, v128.load32_splat(x, 28), b);
        v128.store(target, f32x4.add(a, b));
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function rowStart(starts: usize, row: i32): i32 {
  return load<i32>(starts + (<usize>row << 2));
}

/** Bias of output `4·row + output`, in all lanes; past the last output any number, which nobody keeps. */
// @ts-ignore: decorator
@inline
function biasOf(bias: usize, row: i32, output: usize): v128 {
  return bias == 0 ? f32x4.splat(0) : v128.load32_splat(bias + (<usize>row << 4) + (output << 2));
}

// @ts-ignore: decorator
@inline
function at(x: usize, column: u32): v128 {
  return v128.load32_splat(x + (<usize>column << 2));
}
