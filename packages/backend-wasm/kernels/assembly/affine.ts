/**
 * Linear layers over affine codes (`lib/affine.ts`). A weight is given by codes of `rowBytes` a row, scales and zero points of
 * `groups` a row; with 0 groups all rows share the first.
 * Rows of y and of residual are `yRow` bytes apart.
 */
import { dequantizeColumns, dotCodes, dotRoundedCodes, unpackColumns } from "./lib/affine";
import { epilogue } from "./lib/epilogue";
import { loadTail, madd, maxLanes, sumLanes } from "./lib/simd";
import { multiplyPacked, packPanels } from "./lib/gemm";

/** y `[out, features]` */
export function f32_dequantize_affine(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  y: usize, out: i32,
): void {
  for (let o = 0; o < out; o++, y += <usize>features << 2) row(codes, rowBytes, scales, zeros, groups, bits, groupSize, o, 0, features, y);
}

/** y[i] = row ids[i] of `out`; an id outside gives NaN. */
export function f32_rows_affine(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  ids: usize, y: usize, count: i32, out: i32,
): void {
  const width = <usize>features << 2;
  for (let i = 0; i < count; i++, ids += 4, y += width) {
    const id = load<i32>(ids);
    if (<u32>id < <u32>out) row(codes, rowBytes, scales, zeros, groups, bits, groupSize, id, 0, features, y);
    else for (let j: usize = 0; j < width; j += 4) store<f32>(y + j, NaN);
  }
}

function row(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32,
  o: i32, begin: i32, end: i32, y: usize,
): void {
  const first = o * groups;
  dequantizeColumns(
    codes + <usize>o * rowBytes, bits, begin, end, scales + (<usize>first << 2), zeros == 0 ? 0 : zeros + first, groupSize, y,
  );
}

/** A few rows of x: every code is unpacked once per row. */
export function f32_linear_affine_1x1(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  x: usize, y: usize, yRow: usize, rows: i32, out: i32, bias: usize, activation: i32, residual: usize,
): void {
  for (let o = 0; o < out; o++) {
    const first = o * groups;
    const s = scales + (<usize>first << 2), z = zeros == 0 ? 0 : zeros + first;
    for (let r = 0; r < rows; r++) {
      const value = dotCodes(x + (<usize>(r * features) << 2), codes + <usize>o * rowBytes, bits, features, s, z, groupSize);
      store<f32>(y + r * yRow + (<usize>o << 2), value);
    }
  }
  epilogue(y, yRow, rows, out, bias, activation, residual);
}

/**
 * Many rows of x: they are packed into panels, and blocks of the weight are unpacked to floats that stay in the cache.
 * `scratch`: 128 bytes, `kBlock`·`pBlock` floats (x), `kBlock`·`sBlock` floats (weight).
 */
export function f32_linear_affine_4x8(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  x: usize, y: usize, yRow: usize, rows: i32, out: i32, bias: usize, activation: i32, residual: usize,
  kBlock: i32, sBlock: i32, pBlock: i32, scratch: usize,
): void {
  const xRow = <usize>features << 2;
  const panels = scratch + 128;
  const weights = panels + (<usize>kBlock * pBlock << 2);
  for (let j = 0; j < rows; j += pBlock) {
    const tokens = min(pBlock, rows - j);
    for (let l = 0; l < features; l += kBlock) {
      const depth = min(kBlock, features - l);
      packPanels(tokens, depth, x + j * xRow + (<usize>l << 2), xRow, 4, panels);
      for (let i = 0; i < out; i += sBlock) {
        const count = min(sBlock, out - i);
        for (let o = 0; o < count; o++) {
          row(codes, rowBytes, scales, zeros, groups, bits, groupSize, i + o, l, l + depth, weights + (<usize>(o * depth) << 2));
        }
        const target = j * yRow + (<usize>i << 2);
        multiplyPacked(
          count, tokens, depth, weights, <usize>depth << 2, 4, panels, <usize>depth << 5, y + target, 4, yRow, l > 0, scratch,
        );
        if (l + depth < features) continue;
        epilogue(
          y + target, yRow, tokens, count, bias == 0 ? 0 : bias + (<usize>i << 2), activation, residual == 0 ? 0 : residual + target,
        );
      }
    }
  }
}

/** Each row of x as i16 between ±127 in units of scales[row] = its largest magnitude ÷ 127; rows of zeros stay zeros. */
export function f32_round_rows(x: usize, q: usize, scales: usize, rows: i32, n: i32): void {
  const rest = n & 3;
  for (let r = 0; r < rows; r++, scales += 4) {
    const end = x + (<usize>(n & ~3) << 2);
    let most = f32x4.splat(0);
    for (let p = x; p < end; p += 16) most = f32x4.max(most, f32x4.abs(v128.load(p)));
    if (rest) most = f32x4.max(most, f32x4.abs(loadTail(end, rest)));
    const largest = maxLanes(most);
    const inverse = f32x4.splat(largest == 0 ? 0 : 127 / largest);
    for (; x < end; x += 16, q += 8) v128.store_lane<i64>(q, round(v128.load(x), inverse), 0);
    for (let i = 0; i < rest; i++, x += 4, q += 2) v128.store_lane<i16>(q, round(v128.load32_zero(x), inverse), 0);
    store<f32>(scales, largest / 127);
  }
}

/** Four values as i16 in the low half; ties go to even. */
// @ts-ignore: decorator
@inline
function round(v: v128, inverse: v128): v128 {
  const i = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v, inverse)));
  return i16x8.narrow_i32x4_s(i, i);
}

/** y over a few rows that `f32_round_rows` made: every code is unpacked once per row. */
export function i16_linear_affine_1x1(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  q: usize, qScales: usize, y: usize, yRow: usize, rows: i32, out: i32, bias: usize, activation: i32, residual: usize,
): void {
  for (let o = 0; o < out; o++) {
    const first = o * groups;
    const s = scales + (<usize>first << 2), z = zeros == 0 ? 0 : zeros + first;
    for (let r = 0; r < rows; r++) {
      const value = dotRoundedCodes(q + (<usize>(r * features) << 1), codes + <usize>o * rowBytes, bits, features, s, z, groupSize);
      store<f32>(y + r * yRow + (<usize>o << 2), value * load<f32>(qScales + (<usize>r << 2)));
    }
  }
  epilogue(y, yRow, rows, out, bias, activation, residual);
}

/**
 * y over rows that `f32_round_rows` made: four rows of the weight at a time are unpacked to i16 and dotted with two tokens at a time.
 *
 * @param scratch 8·`features` bytes.
 */
export function i16_linear_affine_2x4(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  q: usize, qScales: usize, y: usize, yRow: usize, rows: i32, out: i32, bias: usize, activation: i32, residual: usize, scratch: usize,
): void {
  const width = <usize>features << 1;
  for (let o = 0; o < out; o += 4) {
    const count = min(4, out - o);
    for (let i = 0; i < count; i++) {
      const first = (o + i) * groups;
      unpackColumns(codes + <usize>(o + i) * rowBytes, bits, features, zeros == 0 ? 0 : zeros + first, groupSize, scratch + i * width);
    }
    const w1 = count > 1 ? scratch + width : scratch, w2 = count > 2 ? w1 + width : w1, w3 = count > 3 ? w2 + width : w2;
    const step = <usize>groups << 2;
    const s0 = scales + o * step, s1 = count > 1 ? s0 + step : s0, s2 = count > 2 ? s1 + step : s1, s3 = count > 3 ? s2 + step : s2;
    for (let r = 0; r < rows; r += 2) {
      const target = y + r * yRow + (<usize>o << 2);
      // A token that does not exist is the last one that does, written to the same place.
      const more = r + 1 < rows;
      const x0 = q + r * width, x1 = more ? x0 + width : x0;
      const scale = qScales + (<usize>r << 2);
      dotEight(
        x0, x1, scratch, w1, w2, w3, s0, s1, s2, s3, features, groupSize, load<f32>(scale), load<f32>(more ? scale + 4 : scale),
        target, more ? target + yRow : target, count,
      );
    }
  }
  epilogue(y, yRow, rows, out, bias, activation, residual);
}

// @ts-ignore: decorator
@inline
function dotEight(
  x: usize, z: usize, w0: usize, w1: usize, w2: usize, w3: usize, s0: usize, s1: usize, s2: usize, s3: usize,
  features: i32, groupSize: i32, scaleX: f32, scaleZ: f32, y: usize, u: usize, count: i32,
): void {
  let f0 = f32x4.splat(0), f1 = f32x4.splat(0), f2 = f32x4.splat(0), f3 = f32x4.splat(0);
  let g0 = f32x4.splat(0), g1 = f32x4.splat(0), g2 = f32x4.splat(0), g3 = f32x4.splat(0);
  for (let column = 0; column < features; s0 += 4, s1 += 4, s2 += 4, s3 += 4) {
    const stop = min(features, column + groupSize);
    let a0 = i32x4.splat(0), a1 = i32x4.splat(0), a2 = i32x4.splat(0), a3 = i32x4.splat(0);
    let b0 = i32x4.splat(0), b1 = i32x4.splat(0), b2 = i32x4.splat(0), b3 = i32x4.splat(0);
    for (; column + 8 <= stop; column += 8, x += 16, z += 16, w0 += 16, w1 += 16, w2 += 16, w3 += 16) {
      const p = v128.load(x), q = v128.load(z);
      let w = v128.load(w0);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(p, w));
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(q, w));
      w = v128.load(w1);
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(p, w));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(q, w));
      w = v128.load(w2);
      a2 = i32x4.add(a2, i32x4.dot_i16x8_s(p, w));
      b2 = i32x4.add(b2, i32x4.dot_i16x8_s(q, w));
      w = v128.load(w3);
      a3 = i32x4.add(a3, i32x4.dot_i16x8_s(p, w));
      b3 = i32x4.add(b3, i32x4.dot_i16x8_s(q, w));
    }
    for (; column < stop; column += 1, x += 2, z += 2, w0 += 2, w1 += 2, w2 += 2, w3 += 2) {
      const p = single(x), q = single(z);
      let w = single(w0);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(p, w));
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(q, w));
      w = single(w1);
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(p, w));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(q, w));
      w = single(w2);
      a2 = i32x4.add(a2, i32x4.dot_i16x8_s(p, w));
      b2 = i32x4.add(b2, i32x4.dot_i16x8_s(q, w));
      w = single(w3);
      a3 = i32x4.add(a3, i32x4.dot_i16x8_s(p, w));
      b3 = i32x4.add(b3, i32x4.dot_i16x8_s(q, w));
    }
    const k0 = v128.load32_splat(s0), k1 = v128.load32_splat(s1), k2 = v128.load32_splat(s2), k3 = v128.load32_splat(s3);
    f0 = madd(f32x4.convert_i32x4_s(a0), k0, f0);
    g0 = madd(f32x4.convert_i32x4_s(b0), k0, g0);
    f1 = madd(f32x4.convert_i32x4_s(a1), k1, f1);
    g1 = madd(f32x4.convert_i32x4_s(b1), k1, g1);
    f2 = madd(f32x4.convert_i32x4_s(a2), k2, f2);
    g2 = madd(f32x4.convert_i32x4_s(b2), k2, g2);
    f3 = madd(f32x4.convert_i32x4_s(a3), k3, f3);
    g3 = madd(f32x4.convert_i32x4_s(b3), k3, g3);
  }
  put(y, f0, f1, f2, f3, scaleX, count);
  put(u, g0, g1, g2, g3, scaleZ, count);
}

/** One number, and zeros. */
// @ts-ignore: decorator
@inline
function single(p: usize): v128 {
  return v128.load_lane<i16>(p, i32x4.splat(0), 0);
}

// @ts-ignore: decorator
@inline
function put(y: usize, f0: v128, f1: v128, f2: v128, f3: v128, scale: f32, count: i32): void {
  store<f32>(y, sumLanes(f0) * scale);
  if (count > 1) store<f32>(y, sumLanes(f1) * scale, 4);
  if (count > 2) store<f32>(y, sumLanes(f2) * scale, 8);
  if (count > 3) store<f32>(y, sumLanes(f3) * scale, 12);
}
