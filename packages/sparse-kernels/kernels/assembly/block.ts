/**
 * Linear layers over blocks of `height` outputs (a multiple of 4) × `width` inputs (1 or 2). Four outputs at a time: their weights are
 * splatted and meet 8 tokens, 4 × 8 sums stay in registers. A block keeps, input after input, its `height` values.
 *
 * All work on block rows `[begin, end)` alone, or on the panels they are given, so that threads share the rest.
 */
import { epilogue } from "../../../backend-wasm/kernels/assembly/lib/epilogue";
import { normalise } from "../../../backend-wasm/kernels/assembly/lib/norm";
import { madd, loadTail, storeTail, storeTurned } from "../../../backend-wasm/kernels/assembly/lib/simd";
import { copyTile, panelBytes, storePairTile, unpack } from "./panels";

/** Values that with their columns stay in the second-level cache while all panels pass. */
const CHUNK: i32 = 32768;

/**
 * y `[tokens, out]` = act(x·Wᵀ + bias) + residual, x as panels.
 *
 * @param tile 384 bytes of scratch. @param bias 0: none. @param residual 0: none.
 * @param norm applied to rows of y that are complete (`lib/norm.ts` of the device); 0: none.
 */
export function f32_linear_block_4x8(
  panels: usize, values: usize, columns: usize, starts: usize, bias: usize, residual: usize, norm: usize, y: usize,
  tile: usize, tokens: i32, features: i32, out: i32, activation: i32, height: i32, width: i32, begin: i32, end: i32,
): void {
  const stride = <usize>out << 2;
  const bytes = panelBytes(features);
  const size = height * width;
  for (let first = begin, last = begin; first < end; first = last) {
    const limit = rowStart(starts, first) * size + CHUNK;
    do { last++; } while (last < end && rowStart(starts, last + 1) * size <= limit);
    const columnsOut = min(last * height, out) - first * height;
    let token = 0;
    if (WIDE) {
      for (; token + 8 < tokens; token += 16) {
        const panel = panels + (<usize>token >> 3) * bytes;
        const rows = y + <usize>token * stride;
        const count = min(16, tokens - token);
        for (let row = first; row < last; row++) {
          blockRowOfPair(panel, panel + bytes, values, columns, starts, bias, rows, tile, count, out, stride, height, width, row);
        }
        const place = rows + (<usize>(first * height) << 2);
        epilogue(place, stride, count, columnsOut, 0, activation, residual == 0 ? 0 : residual + (place - y));
        if (last == end) normalise(norm, rows, count, out);
      }
    }
    for (; token < tokens; token += 8) {
      const count = min(8, tokens - token);
      const panel = panels + (<usize>token >> 3) * bytes;
      const rows = y + <usize>token * stride;
      for (let row = first; row < last; row++) {
        const from = rowStart(starts, row), to = rowStart(starts, row + 1);
        const bottom = min((row + 1) * height, out);
        for (let output = row * height, value = values + (<usize>(from * size) << 2); output < bottom; output += 4, value += 16) {
          const whole = count == 8 && output + 4 <= out;
          const target = rows + (<usize>output << 2);
          const sums = whole ? target : tile;
          const step = whole ? stride : 16;
          const offset = bias == 0 ? 0 : bias + (<usize>output << 2);
          if (width == 1) blockTile(panel, value, columns, from, to, <usize>height << 2, 1, offset, sums, step);
          else blockTile(panel, value, columns, from, to, <usize>height << 2, 2, offset, sums, step);
          if (!whole) copyTile(tile, target, stride, count, min(4, out - output));
        }
      }
      const place = rows + (<usize>(first * height) << 2);
      epilogue(place, stride, count, columnsOut, 0, activation, residual == 0 ? 0 : residual + (place - y));
      if (last == end) normalise(norm, rows, count, out);
    }
  }
}

/** One block row and two panels, the second of which has at least one token. */
function blockRowOfPair(
  panel: usize, other: usize, values: usize, columns: usize, starts: usize, bias: usize, y: usize, tile: usize,
  tokens: i32, out: i32, stride: usize, height: i32, width: i32, row: i32,
): void {
  const from = rowStart(starts, row), to = rowStart(starts, row + 1);
  const bottom = min((row + 1) * height, out);
  const begin = columns + (<usize>from << 2), end = columns + (<usize>to << 2);
  const step = <usize>height << 2;
  for (let output = row * height, value = values + (<usize>(from * height * width) << 2); output < bottom; output += 4, value += 16) {
    const offset = bias == 0 ? 0 : bias + (<usize>output << 2);
    if (width == 1) blocksOfPair(panel, other, value, begin, end, step, offset, tile);
    else pairsOfPair(panel, other, value, begin, end, step, offset, tile);
    storePairTile(tile, y + (<usize>output << 2), stride, tokens, min(4, out - output));
  }
}

/** 4 outputs × 16 tokens of two panels over blocks of one input; a function of its own, so that pairs of vectors can be joined. */
function blocksOfPair(panel: usize, other: usize, value: usize, column: usize, end: usize, step: usize, bias: usize, tile: usize): void {
  sumsOfPair(panel, other, value, column, end, step, 1, bias, tile);
}

/** The same over blocks of two inputs. */
function pairsOfPair(panel: usize, other: usize, value: usize, column: usize, end: usize, step: usize, bias: usize, tile: usize): void {
  sumsOfPair(panel, other, value, column, end, step, 2, bias, tile);
}

/** Written `[4][16]`. */
// @ts-ignore: decorator
@inline
function sumsOfPair(
  panel: usize, other: usize, value: usize, column: usize, end: usize, step: usize, width: i32, bias: usize, tile: usize,
): void {
  let a0 = biasOf(bias, 0), b0 = biasOf(bias, 4), c0 = biasOf(bias, 8), d0 = biasOf(bias, 12);
  let a1 = a0, a2 = a0, a3 = a0, b1 = b0, b2 = b0, b3 = b0, c1 = c0, c2 = c0, c3 = c0, d1 = d0, d2 = d0, d3 = d0;
  for (; column < end; column += 4, value += step) {
    const offset = <usize>load<u32>(column) << (width == 1 ? 5 : 6);
    let x0 = v128.load(panel + offset), x1 = v128.load(panel + offset, 16);
    let x2 = v128.load(other + offset), x3 = v128.load(other + offset, 16);
    let w = v128.load32_splat(value);
    a0 = madd(w, x0, a0); a1 = madd(w, x1, a1); a2 = madd(w, x2, a2); a3 = madd(w, x3, a3);
    w = v128.load32_splat(value, 4);
    b0 = madd(w, x0, b0); b1 = madd(w, x1, b1); b2 = madd(w, x2, b2); b3 = madd(w, x3, b3);
    w = v128.load32_splat(value, 8);
    c0 = madd(w, x0, c0); c1 = madd(w, x1, c1); c2 = madd(w, x2, c2); c3 = madd(w, x3, c3);
    w = v128.load32_splat(value, 12);
    d0 = madd(w, x0, d0); d1 = madd(w, x1, d1); d2 = madd(w, x2, d2); d3 = madd(w, x3, d3);
    if (width == 2) {
      value += step;
      x0 = v128.load(panel + offset, 32); x1 = v128.load(panel + offset, 48);
      x2 = v128.load(other + offset, 32); x3 = v128.load(other + offset, 48);
      w = v128.load32_splat(value);
      a0 = madd(w, x0, a0); a1 = madd(w, x1, a1); a2 = madd(w, x2, a2); a3 = madd(w, x3, a3);
      w = v128.load32_splat(value, 4);
      b0 = madd(w, x0, b0); b1 = madd(w, x1, b1); b2 = madd(w, x2, b2); b3 = madd(w, x3, b3);
      w = v128.load32_splat(value, 8);
      c0 = madd(w, x0, c0); c1 = madd(w, x1, c1); c2 = madd(w, x2, c2); c3 = madd(w, x3, c3);
      w = v128.load32_splat(value, 12);
      d0 = madd(w, x0, d0); d1 = madd(w, x1, d1); d2 = madd(w, x2, d2); d3 = madd(w, x3, d3);
    }
  }
  v128.store(tile, a0); v128.store(tile, a1, 16); v128.store(tile, a2, 32); v128.store(tile, a3, 48);
  v128.store(tile, b0, 64); v128.store(tile, b1, 80); v128.store(tile, b2, 96); v128.store(tile, b3, 112);
  v128.store(tile, c0, 128); v128.store(tile, c1, 144); v128.store(tile, c2, 160); v128.store(tile, c3, 176);
  v128.store(tile, d0, 192); v128.store(tile, d1, 208); v128.store(tile, d2, 224); v128.store(tile, d3, 240);
}

/** 4 outputs × 8 tokens over blocks `[from, to)`, written `[8][4]`; the next input of a block lies `step` bytes on. */
// @ts-ignore: decorator
@inline
function blockTile(
  panel: usize, value: usize, columns: usize, from: i32, to: i32, step: usize, width: i32, bias: usize, target: usize, stride: usize,
): void {
  const end = columns + (<usize>to << 2);
  let s00 = biasOf(bias, 0), s10 = biasOf(bias, 4), s20 = biasOf(bias, 8), s30 = biasOf(bias, 12);
  let s01 = s00, s11 = s10, s21 = s20, s31 = s30;
  for (let column = columns + (<usize>from << 2); column < end; column += 4, value += step) {
    const x = panel + (<usize>load<u32>(column) << (width == 1 ? 5 : 6));
    let x0 = v128.load(x), x1 = v128.load(x, 16);
    let w = v128.load32_splat(value);
    s00 = madd(w, x0, s00); s01 = madd(w, x1, s01);
    w = v128.load32_splat(value, 4);
    s10 = madd(w, x0, s10); s11 = madd(w, x1, s11);
    w = v128.load32_splat(value, 8);
    s20 = madd(w, x0, s20); s21 = madd(w, x1, s21);
    w = v128.load32_splat(value, 12);
    s30 = madd(w, x0, s30); s31 = madd(w, x1, s31);
    if (width == 2) {
      value += step;
      x0 = v128.load(x, 32); x1 = v128.load(x, 48);
      w = v128.load32_splat(value);
      s00 = madd(w, x0, s00); s01 = madd(w, x1, s01);
      w = v128.load32_splat(value, 4);
      s10 = madd(w, x0, s10); s11 = madd(w, x1, s11);
      w = v128.load32_splat(value, 8);
      s20 = madd(w, x0, s20); s21 = madd(w, x1, s21);
      w = v128.load32_splat(value, 12);
      s30 = madd(w, x0, s30); s31 = madd(w, x1, s31);
    }
  }
  storeTurned(s00, s10, s20, s30, target, stride);
  storeTurned(s01, s11, s21, s31, target + 4 * stride, stride);
}

/**
 * One token: y `[out]` = act(W·x + bias) + residual, then the norm.
 *
 * @param tile 8 bytes of scratch, where the last input stands when blocks reach past it.
 */
export function f32_linear_block_4x1(
  x: usize, values: usize, columns: usize, starts: usize, bias: usize, residual: usize, norm: usize, y: usize,
  tile: usize, features: i32, out: i32, activation: i32, height: i32, width: i32, begin: i32, end: i32,
): void {
  const size = height * width;
  // Of a pair that reaches past the last input, the second is 0.
  const odd = width == 2 && (features & 1) == 1 ? features >> 1 : -1;
  if (odd >= 0) store<u64>(tile, <u64>load<u32>(x + (<usize>(features - 1) << 2)));
  for (let row = begin; row < end; row++) {
    const from = rowStart(starts, row), to = rowStart(starts, row + 1);
    const bottom = min((row + 1) * height, out);
    for (let output = row * height, value = values + (<usize>(from * size) << 2); output < bottom; output += 4, value += 16) {
      const sum = width == 1 ? blockDots(x, value, columns, from, to, <usize>height << 2) : pairDots(x, value, columns, from, to, <usize>height << 2, odd, tile);
      const place = <usize>output << 2;
      const rest = out - output;
      if (rest >= 4) v128.store(y + place, bias == 0 ? sum : f32x4.add(sum, v128.load(bias + place)));
      else storeTail(y + place, bias == 0 ? sum : f32x4.add(sum, loadTail(bias + place, rest)), rest);
    }
  }
  const first = <usize>(begin * height) << 2;
  epilogue(y + first, 0, 1, min(end * height, out) - begin * height, 0, activation, residual == 0 ? 0 : residual + first);
  normalise(norm, y, 1, out);
}

// @ts-ignore: decorator
@inline
function blockDots(x: usize, value: usize, columns: usize, from: i32, to: i32, step: usize): v128 {
  const end = columns + (<usize>to << 2);
  let column = columns + (<usize>from << 2);
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  for (; column + 16 <= end; column += 16) {
    s0 = madd(v128.load(value), at(x, load<u32>(column)), s0);
    value += step;
    s1 = madd(v128.load(value), at(x, load<u32>(column, 4)), s1);
    value += step;
    s2 = madd(v128.load(value), at(x, load<u32>(column, 8)), s2);
    value += step;
    s3 = madd(v128.load(value), at(x, load<u32>(column, 12)), s3);
    value += step;
  }
  for (; column < end; column += 4, value += step) s0 = madd(v128.load(value), at(x, load<u32>(column)), s0);
  return f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
}

// @ts-ignore: decorator
@inline
function pairDots(x: usize, value: usize, columns: usize, from: i32, to: i32, step: usize, odd: i32, tile: usize): v128 {
  const end = columns + (<usize>to << 2);
  let s0 = f32x4.splat(0), s1 = s0;
  for (let column = columns + (<usize>from << 2); column < end; column += 4, value += 2 * step) {
    const pair = load<i32>(column);
    const source = pair == odd ? tile : x + (<usize>pair << 3);
    s0 = madd(v128.load(value), v128.load32_splat(source), s0);
    s1 = madd(v128.load(value + step), v128.load32_splat(source, 4), s1);
  }
  return f32x4.add(s0, s1);
}

/**
 * x `[tokens, features]` = grad·W, grad as panels.
 *
 * @param sums one panel of scratch.
 */
export function f32_linear_block_input_gradient_4x8(
  panels: usize, values: usize, columns: usize, starts: usize, x: usize, sums: usize, tokens: i32, features: i32, out: i32,
  height: i32, width: i32,
): void {
  const bytes = panelBytes(out);
  const step = <usize>height << 2;
  for (let token = 0; token < tokens; token += 8, panels += bytes) {
    memory.fill(sums, 0, panelBytes(features));
    for (let row = 0; row * height < out; row++) {
      const from = rowStart(starts, row), to = rowStart(starts, row + 1);
      const end = columns + (<usize>to << 2);
      const bottom = min((row + 1) * height, out);
      for (let output = row * height, first = values + (<usize>(from * height * width) << 2); output < bottom; output += 4, first += 16) {
        const grad = panels + (<usize>output << 5);
        const g00 = v128.load(grad), g01 = v128.load(grad, 16), g10 = v128.load(grad, 32), g11 = v128.load(grad, 48);
        const g20 = v128.load(grad, 64), g21 = v128.load(grad, 80), g30 = v128.load(grad, 96), g31 = v128.load(grad, 112);
        let value = first;
        for (let column = columns + (<usize>from << 2); column < end; column += 4) {
          let sum = sums + (<usize>load<u32>(column) * width << 5);
          for (let input = 0; input < width; input++, sum += 32, value += step) {
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
      }
    }
    unpack(sums, x + (<usize>token * <usize>features << 2), features, min(8, tokens - token));
  }
}

/**
 * gradient `[height·width·blocks]` = gradᵀ·x at the kept places, grad `[tokens, out]` as it is, x as panels.
 *
 * @param tile 128 bytes of scratch.
 */
export function f32_linear_block_values_gradient_4x8(
  grad: usize, panels: usize, columns: usize, starts: usize, gradient: usize, tile: usize, tokens: i32, features: i32, out: i32,
  height: i32, width: i32, begin: i32, end: i32,
): void {
  const gradStride = <usize>out << 2;
  const bytes = panelBytes(features);
  const step = <usize>height << 2;
  const first = gradient + (<usize>(rowStart(starts, begin) * height * width) << 2);
  memory.fill(first, 0, <usize>((rowStart(starts, end) - rowStart(starts, begin)) * height * width) << 2);
  for (let token = 0; token < tokens; token += 8, panels += bytes, grad += 8 * gradStride) {
    const count = min(8, tokens - token);
    for (let row = begin; row < end; row++) {
      const from = rowStart(starts, row);
      const last = columns + (<usize>rowStart(starts, row + 1) << 2);
      const bottom = min((row + 1) * height, out);
      for (let output = row * height, block = gradient + (<usize>(from * height * width) << 2); output < bottom; output += 4, block += 16) {
        const outputs = min(4, out - output);
        let rows = grad + (<usize>output << 2);
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
        let target = block;
        for (let column = columns + (<usize>from << 2); column < last; column += 4) {
          let x = panels + (<usize>load<u32>(column) * width << 5);
          for (let input = 0; input < width; input++, x += 32, target += step) {
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
  }
}

// @ts-ignore: decorator
@inline
function rowStart(starts: usize, row: i32): i32 {
  return load<i32>(starts + (<usize>row << 2));
}

/** The bias of an output in all lanes, 0 without one; past the last output any number, which nobody keeps. */
// @ts-ignore: decorator
@inline
function biasOf(bias: usize, offset: usize): v128 {
  return bias == 0 ? f32x4.splat(0) : v128.load32_splat(bias + offset);
}

// @ts-ignore: decorator
@inline
function at(x: usize, column: u32): v128 {
  return v128.load32_splat(x + (<usize>column << 2));
}
