/**
 * Linear layers over blocks of 4 outputs × 2 inputs of int8 codes, activations rounded to int8: a pair of codes and a pair of
 * activations make one lane of an i16 dot product. Sums of integers are exact, so that every order gives the same bytes.
 */
import { epilogue } from "../../../backend-wasm/kernels/assembly/lib/epilogue";
import { normalise } from "../../../backend-wasm/kernels/assembly/lib/norm";
import { loadTail, storeTail, storeTurned } from "../../../backend-wasm/kernels/assembly/lib/simd";
import { copyTile, storePairTile } from "./panels";

/** Blocks whose pairs and columns (20 bytes each) stay in the second-level cache while all panels pass. */
const CHUNK: i32 = 8192;

/** Bytes of one panel of pairs. */
// @ts-ignore: decorator
@inline
function pairPanelBytes(width: i32): usize {
  return <usize>((width + 1) >> 1) << 5;
}

/** Rounded rows i16 `[tokens, width]`, each filled up to an even number → panels `[ceil(tokens / 8)][ceil(width / 2)][8][2]`, zeros where there is no token or input. */
export function i16_pack_pairs_8(rows: usize, panels: usize, tokens: i32, width: i32): void {
  const even = (width + 1) & ~1;
  const stride = <usize>even << 1;
  const bytes = pairPanelBytes(width);
  for (let token = 0; token < tokens; token += 8, panels += bytes, rows += 8 * stride) {
    const count = min(8, tokens - token);
    if (count < 8) memory.fill(panels, 0, bytes);
    for (let t = 0; t < count; t++) {
      const row = rows + <usize>t * stride;
      let target = panels + (<usize>t << 2);
      let column = 0;
      for (; column + 8 <= even; column += 8, target += 128) {
        const eight = v128.load(row + (<usize>column << 1));
        v128.store_lane<i32>(target, eight, 0);
        v128.store_lane<i32>(target, eight, 1, 32);
        v128.store_lane<i32>(target, eight, 2, 64);
        v128.store_lane<i32>(target, eight, 3, 96);
      }
      for (; column < even; column += 2, target += 32) store<u32>(target, load<u32>(row + (<usize>column << 1)));
    }
  }
}

/**
 * y `[tokens, out]` = act(x·Wᵀ + bias) + residual over block rows `[begin, end)`.
 *
 * @param panels pairs of rounded activations. @param rowScales f32 `[tokens]` of them, as many as fill whole panels may be read.
 * @param pairs i32 `[blocks][4]`. @param scales f32 `[out]`. @param tile 384 bytes of scratch. @param bias 0: none. @param residual 0: none.
 * @param norm as of `f32_linear_block_4x8`.
 */
export function i16_linear_block_4x8(
  panels: usize, rowScales: usize, pairs: usize, scales: usize, columns: usize, starts: usize, bias: usize, residual: usize, norm: usize,
  y: usize, tile: usize, tokens: i32, features: i32, out: i32, activation: i32, begin: i32, end: i32,
): void {
  const stride = <usize>out << 2;
  const bytes = pairPanelBytes(features);
  for (let first = begin, last = begin; first < end; first = last) {
    const limit = rowStart(starts, first) + CHUNK;
    do { last++; } while (last < end && rowStart(starts, last + 1) <= limit);
    const width = min(last << 2, out) - (first << 2);
    let token = 0;
    if (WIDE) {
      for (; token + 8 < tokens; token += 16) {
        const count = min(16, tokens - token);
        const panel = panels + (<usize>token >> 3) * bytes;
        const rows = y + <usize>token * stride;
        for (let row = first; row < last; row++) {
          const from = <usize>rowStart(starts, row), to = <usize>rowStart(starts, row + 1);
          sumsOfPair(panel, panel + bytes, pairs + (from << 4), columns + (from << 2), columns + (to << 2), tile);
          const at = <usize>row << 4;
          const outputs = min(4, out - (row << 2));
          scaleSums(tile, scales + at, bias == 0 ? 0 : bias + at, rowScales + (<usize>token << 2), count, outputs);
          storePairTile(tile, rows + at, stride, count, outputs);
        }
        const place = rows + (<usize>first << 4);
        epilogue(place, stride, count, width, 0, activation, residual == 0 ? 0 : residual + (place - y));
        if (last == end) normalise(norm, rows, count, out);
      }
    }
    for (; token < tokens; token += 8) {
      const count = min(8, tokens - token);
      const panel = panels + (<usize>token >> 3) * bytes;
      const rows = y + <usize>token * stride;
      const ofTokens = rowScales + (<usize>token << 2);
      for (let row = first; row < last; row++) {
        const output = row << 2;
        const whole = count == 8 && output + 4 <= out;
        const target = rows + (<usize>output << 2);
        const from = rowStart(starts, row), to = rowStart(starts, row + 1);
        pairTile(
          panel, pairs + (<usize>from << 4), columns + (<usize>from << 2), columns + (<usize>to << 2), scales + (<usize>output << 2),
          bias == 0 ? 0 : bias + (<usize>output << 2), ofTokens, whole ? target : tile, whole ? stride : 16,
        );
        if (!whole) copyTile(tile, target, stride, count, min(4, out - output));
      }
      const place = rows + (<usize>first << 4);
      epilogue(place, stride, count, width, 0, activation, residual == 0 ? 0 : residual + (place - y));
      if (last == end) normalise(norm, rows, count, out);
    }
  }
}

// @ts-ignore: decorator
@inline
function pairTile(
  panel: usize, pair: usize, column: usize, end: usize, scales: usize, bias: usize, rowScales: usize, target: usize, stride: usize,
): void {
  let s00 = i32x4.splat(0), s10 = s00, s20 = s00, s30 = s00, s01 = s00, s11 = s00, s21 = s00, s31 = s00;
  for (; column < end; column += 4, pair += 16) {
    const x = panel + (<usize>load<u32>(column) << 5);
    const x0 = v128.load(x), x1 = v128.load(x, 16);
    let w = v128.load32_splat(pair);
    s00 = i32x4.add(s00, i32x4.dot_i16x8_s(w, x0)); s01 = i32x4.add(s01, i32x4.dot_i16x8_s(w, x1));
    w = v128.load32_splat(pair, 4);
    s10 = i32x4.add(s10, i32x4.dot_i16x8_s(w, x0)); s11 = i32x4.add(s11, i32x4.dot_i16x8_s(w, x1));
    w = v128.load32_splat(pair, 8);
    s20 = i32x4.add(s20, i32x4.dot_i16x8_s(w, x0)); s21 = i32x4.add(s21, i32x4.dot_i16x8_s(w, x1));
    w = v128.load32_splat(pair, 12);
    s30 = i32x4.add(s30, i32x4.dot_i16x8_s(w, x0)); s31 = i32x4.add(s31, i32x4.dot_i16x8_s(w, x1));
  }
  const k0 = v128.load(rowScales), k1 = v128.load(rowScales, 16);
  storeTurned(
    scaled(s00, scales, 0, bias, k0), scaled(s10, scales, 4, bias, k0), scaled(s20, scales, 8, bias, k0), scaled(s30, scales, 12, bias, k0),
    target, stride,
  );
  storeTurned(
    scaled(s01, scales, 0, bias, k1), scaled(s11, scales, 4, bias, k1), scaled(s21, scales, 8, bias, k1), scaled(s31, scales, 12, bias, k1),
    target + 4 * stride, stride,
  );
}

/** Sums of 4 outputs and 16 tokens of two panels, written `[4][16]`; a function of its own, so that pairs of vectors can be joined. */
function sumsOfPair(panel: usize, other: usize, pair: usize, column: usize, end: usize, tile: usize): void {
  let a0 = i32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  let c0 = a0, c1 = a0, c2 = a0, c3 = a0, d0 = a0, d1 = a0, d2 = a0, d3 = a0;
  for (; column < end; column += 4, pair += 16) {
    const offset = <usize>load<u32>(column) << 5;
    const x0 = v128.load(panel + offset), x1 = v128.load(panel + offset, 16);
    const x2 = v128.load(other + offset), x3 = v128.load(other + offset, 16);
    let w = v128.load32_splat(pair);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(w, x0)); a1 = i32x4.add(a1, i32x4.dot_i16x8_s(w, x1));
    a2 = i32x4.add(a2, i32x4.dot_i16x8_s(w, x2)); a3 = i32x4.add(a3, i32x4.dot_i16x8_s(w, x3));
    w = v128.load32_splat(pair, 4);
    b0 = i32x4.add(b0, i32x4.dot_i16x8_s(w, x0)); b1 = i32x4.add(b1, i32x4.dot_i16x8_s(w, x1));
    b2 = i32x4.add(b2, i32x4.dot_i16x8_s(w, x2)); b3 = i32x4.add(b3, i32x4.dot_i16x8_s(w, x3));
    w = v128.load32_splat(pair, 8);
    c0 = i32x4.add(c0, i32x4.dot_i16x8_s(w, x0)); c1 = i32x4.add(c1, i32x4.dot_i16x8_s(w, x1));
    c2 = i32x4.add(c2, i32x4.dot_i16x8_s(w, x2)); c3 = i32x4.add(c3, i32x4.dot_i16x8_s(w, x3));
    w = v128.load32_splat(pair, 12);
    d0 = i32x4.add(d0, i32x4.dot_i16x8_s(w, x0)); d1 = i32x4.add(d1, i32x4.dot_i16x8_s(w, x1));
    d2 = i32x4.add(d2, i32x4.dot_i16x8_s(w, x2)); d3 = i32x4.add(d3, i32x4.dot_i16x8_s(w, x3));
  }
  v128.store(tile, a0); v128.store(tile, a1, 16); v128.store(tile, a2, 32); v128.store(tile, a3, 48);
  v128.store(tile, b0, 64); v128.store(tile, b1, 80); v128.store(tile, b2, 96); v128.store(tile, b3, 112);
  v128.store(tile, c0, 128); v128.store(tile, c1, 144); v128.store(tile, c2, 160); v128.store(tile, c3, 176);
  v128.store(tile, d0, 192); v128.store(tile, d1, 208); v128.store(tile, d2, 224); v128.store(tile, d3, 240);
}

/** Integer sums `[4][16]` in place to floats. */
function scaleSums(tile: usize, scales: usize, bias: usize, rowScales: usize, tokens: i32, outputs: i32): void {
  const end = tile + <usize>outputs * 64;
  const rest = <usize>(tokens > 8 ? 64 : 32);
  for (; tile < end; tile += 64, scales += 4, bias += bias == 0 ? 0 : 4) {
    for (let at: usize = 0; at < rest; at += 32) {
      const low = scaled(v128.load(tile + at), scales, 0, bias, v128.load(rowScales + at));
      const high = scaled(v128.load(tile + at, 16), scales, 0, bias, v128.load(rowScales + at, 16));
      v128.store(tile + at, low);
      v128.store(tile + at, high, 16);
    }
  }
}

/** Sums of one output, times its scale and then the tokens', plus its bias: in this order, as the dense kernel does. */
// @ts-ignore: decorator
@inline
function scaled(sums: v128, scales: usize, offset: usize, bias: usize, rowScales: v128): v128 {
  const y = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(sums), v128.load32_splat(scales + offset)), rowScales);
  return bias == 0 ? y : f32x4.add(y, v128.load32_splat(bias + offset));
}

/** One token, its rounded row i16 `[features]` filled up to an even number. */
export function i16_linear_block_4x1(
  x: usize, rowScale: usize, pairs: usize, scales: usize, columns: usize, starts: usize, bias: usize, residual: usize, norm: usize,
  y: usize, out: i32, activation: i32, begin: i32, end: i32,
): void {
  for (let row = begin; row < end; row++) {
    const last = columns + (<usize>rowStart(starts, row + 1) << 2);
    const from = <usize>rowStart(starts, row);
    let s0 = i32x4.splat(0), s1 = s0;
    let pair = pairs + (from << 4), column = columns + (from << 2);
    for (; column + 8 <= last; column += 8, pair += 32) {
      s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load(pair), pairAt(x, load<i32>(column))));
      s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load(pair, 16), pairAt(x, load<i32>(column, 4))));
    }
    if (column < last) s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load(pair), pairAt(x, load<i32>(column))));
    const place = <usize>row << 4;
    const rest = out - (row << 2);
    const ofOutputs = rest >= 4 ? v128.load(scales + place) : loadTail(scales + place, rest);
    let sum = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(i32x4.add(s0, s1)), ofOutputs), v128.load32_splat(rowScale));
    if (bias != 0) sum = f32x4.add(sum, rest >= 4 ? v128.load(bias + place) : loadTail(bias + place, rest));
    if (rest >= 4) v128.store(y + place, sum);
    else storeTail(y + place, sum, rest);
  }
  const first = <usize>begin << 4;
  epilogue(y + first, 0, 1, min(end << 2, out) - (begin << 2), 0, activation, residual == 0 ? 0 : residual + first);
  normalise(norm, y, 1, out);
}

// @ts-ignore: decorator
@inline
function pairAt(x: usize, pair: i32): v128 {
  return v128.load32_splat(x + (<usize>pair << 2));
}

// @ts-ignore: decorator
@inline
function rowStart(starts: usize, row: i32): i32 {
  return load<i32>(starts + (<usize>row << 2));
}
