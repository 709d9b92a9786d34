/**
 * Linear layers over affine codes (`lib/affine.ts`). A weight is given by codes of `rowBytes` a row, scales and zero points of
 * `groups` a row; with 0 groups all rows share the first.
 * Rows of y and of residual are `yRow` bytes apart; those of y that are complete are normalised (`lib/norm.ts`) where `norm` is not 0.
 */
import { dequantizeColumns, dotRoundedCodes, unpackColumns } from "./lib/affine";
import { epilogue } from "./lib/epilogue";
import { multiplyPacked, storePart } from "./lib/gemm";
import { normalise } from "./lib/norm";
import { HEIGHT, packPanels, packSlivers, SLIVER, WIDTH } from "./lib/pack";
import { dotRow } from "./lib/rows";

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

/** A few rows of x and a weight that is not whole blocks of `few.ts`. @param scratch `features` floats. */
export function f32_linear_affine_1x1(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  x: usize, y: usize, yRow: usize, rows: i32, out: i32, bias: usize, activation: i32, residual: usize, norm: usize, scratch: usize,
): void {
  for (let o = 0; o < out; o++) {
    row(codes, rowBytes, scales, zeros, groups, bits, groupSize, o, 0, features, scratch);
    for (let r = 0; r < rows; r++) {
      store<f32>(y + r * yRow + (<usize>o << 2), dotRow(x + (<usize>(r * features) << 2), scratch, features));
    }
  }
  epilogue(y, yRow, rows, out, bias, activation, residual);
  normalise(norm, y, rows, out);
}

/**
 * Many rows of x: they are packed into panels, and blocks of the weight are unpacked to floats that stay in the cache.
 * `scratch`: 128 bytes, `kBlock`·`pBlock` floats (x), `kBlock`·`sBlock` floats (weight).
 */
export function f32_linear_affine_4x8(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  x: usize, y: usize, yRow: usize, rows: i32, out: i32, bias: usize, activation: i32, residual: usize, norm: usize,
  kBlock: i32, sBlock: i32, pBlock: i32, scratch: usize,
): void {
  const xRow = <usize>features << 2;
  const panels = scratch + 256;
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
    normalise(norm, y + j * yRow, tokens, out);
  }
}

/**
 * Each row of x as i16 between ±127 in units of scales[row] = its largest magnitude ÷ 127; rows of zeros stay zeros. Rows of q are
 * `qRow` bytes apart, every group filled up to an even number with a zero.
 */
export function f32_round_rows(x: usize, q: usize, qRow: usize, scales: usize, rows: i32, n: i32, groupSize: i32): void {
  for (let r = 0; r < rows; r++, x += <usize>n << 2, q += qRow, scales += 4) {
    const largest = largestOf(x, n);
    const inverse = f32x4.splat(largest == 0 ? 0 : 127 / largest);
    let from = x, to = q;
    for (let column = 0; column < n; column += groupSize) {
      const count = min(groupSize, n - column);
      for (const end = from + (<usize>(count & ~7) << 2); from < end; from += 32, to += 16) {
        v128.store(to, i16x8.narrow_i32x4_s(round(v128.load(from), inverse), round(v128.load(from, 16), inverse)));
      }
      for (let i = count & 7; i > 0; i--, from += 4, to += 2) store<i16>(to, <i16>i32x4.extract_lane(round(v128.load32_zero(from), inverse), 0));
      if (count & 1) {
        store<i16>(to, 0);
        to += 2;
      }
    }
    store<f32>(scales, largest / 127);
  }
}

/** Magnitudes are ordered as their bits are. */
// @ts-ignore: decorator
@inline
function largestOf(x: usize, n: i32): f32 {
  const end = x + (<usize>(n & ~7) << 2);
  const magnitude = i32x4.splat(0x7fffffff);
  let a = i32x4.splat(0), b = i32x4.splat(0);
  for (; x < end; x += 32) {
    a = i32x4.max_u(a, v128.and(v128.load(x), magnitude));
    b = i32x4.max_u(b, v128.and(v128.load(x, 16), magnitude));
  }
  for (let i = n & 7; i > 0; i--, x += 4) a = i32x4.max_u(a, v128.and(v128.load32_zero(x), magnitude));
  a = i32x4.max_u(a, b);
  a = i32x4.max_u(a, v128.shuffle<i32>(a, a, 2, 3, 0, 1));
  return f32x4.extract_lane(i32x4.max_u(a, v128.shuffle<i32>(a, a, 1, 0, 3, 2)), 0);
}

/** To the nearest integers below 2²², ties to even: adding 1.5·2²³ rounds, and leaves them in the low bits. */
// @ts-ignore: decorator
@inline
function round(v: v128, inverse: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.mul(v, inverse), f32x4.splat(12582912)), i32x4.splat(0x4b400000));
}

/** y over a few rows that `f32_round_rows` made with one group: every code is unpacked once per row. */
export function i16_linear_affine_1x1(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  q: usize, qRow: usize, qScales: usize, y: usize, yRow: usize, rows: i32, out: i32, bias: usize, activation: i32, residual: usize, norm: usize,
): void {
  for (let o = 0; o < out; o++) {
    const first = o * groups;
    const s = scales + (<usize>first << 2), z = zeros == 0 ? 0 : zeros + first;
    for (let r = 0; r < rows; r++) {
      const value = dotRoundedCodes(q + r * qRow, codes + <usize>o * rowBytes, bits, features, s, z, groupSize);
      store<f32>(y + r * yRow + (<usize>o << 2), value * load<f32>(qScales + (<usize>r << 2)));
    }
  }
  epilogue(y, yRow, rows, out, bias, activation, residual);
  normalise(norm, y, rows, out);
}

/** `f32_round_rows`, then pairs of i16 in slivers of five rows (`lib/gemm.ts`). @param scratch five rows of `qRow` bytes. */
export function f32_round_slivers(x: usize, slivers: usize, qRow: usize, scales: usize, rows: i32, n: i32, groupSize: i32, scratch: usize): void {
  for (let r = 0; r < rows; r += HEIGHT, x += <usize>(HEIGHT * n) << 2, slivers += HEIGHT * qRow, scales += HEIGHT << 2) {
    const count = min(HEIGHT, rows - r);
    f32_round_rows(x, scratch, qRow, scales, count, n, groupSize);
    packSlivers(count, <i32>(qRow >> 2), scratch, qRow, 4, slivers);
  }
}

/**
 * Eight rows of the weight at a time, `count` in all, as i16 less their zero points: eight scales for each group, then a panel of pairs.
 *
 * @param scratch eight rows of `qRow` bytes.
 */
export function i16_pack_affine(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  qRow: usize, out: i32, panels: usize, scratch: usize,
): void {
  const each = max(1, groups);
  for (let o = 0; o < out; o += WIDTH) {
    const count = min(WIDTH, out - o);
    for (let i = 0; i < WIDTH; i++) {
      const first = min(o + i, out - 1) * groups;
      const s = scales + (<usize>first << 2);
      for (let g = 0; g < each; g++) store<f32>(panels + (<usize>(g * WIDTH + i) << 2), load<f32>(s + (<usize>g << 2)));
      if (i >= count) continue;
      unpackColumns(codes + <usize>(o + i) * rowBytes, bits, features, zeros == 0 ? 0 : zeros + first, groupSize, scratch + i * qRow);
    }
    panels += <usize>each << 5;
    packPanels(count, <i32>(qRow >> 2), scratch, qRow, 4, panels);
    panels += WIDTH * qRow;
  }
}

/**
 * y over rows in slivers (`f32_round_slivers`) and panels of the weight. Sums of a group are exact, and scaled sums are added in the
 * order of groups: all variants give the same bytes.
 *
 * @param packed all panels (`i16_pack_affine`), or 0: then they are made one by one.
 * @param scratch 160 bytes; without `packed` also a panel with its scales, and eight rows of `qRow` bytes.
 */
export function i16_linear_affine_5x8(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  slivers: usize, qRow: usize, qScales: usize, y: usize, yRow: usize, rows: i32, out: i32,
  bias: usize, activation: i32, residual: usize, norm: usize, packed: usize, scratch: usize,
): void {
  const scaleBytes = <usize>max(1, groups) << 5, panelBytes = scaleBytes + WIDTH * qRow;
  const start = y;
  let panel = packed ? packed : scratch + 160;
  for (let o = 0; o < out; o += WIDTH, y += 32) {
    const count = min(WIDTH, out - o), first = o * groups;
    if (!packed) {
      i16_pack_affine(
        codes + <usize>o * rowBytes, rowBytes, scales + (<usize>first << 2), zeros == 0 ? 0 : zeros + first, groups, bits, groupSize,
        features, qRow, count, panel, panel + panelBytes,
      );
    }
    let a = slivers, target = y;
    for (let r = 0; r < rows; r += HEIGHT, a += HEIGHT * qRow, target += HEIGHT * yRow) {
      const whole = r + HEIGHT <= rows && count == WIDTH;
      const rowScales = qScales + (<usize>r << 2);
      tileOfPairs(a, panel + scaleBytes, features, groupSize, panel, rowScales, whole ? target : scratch, whole ? yRow : 32);
      if (!whole) storePart(scratch, min(HEIGHT, rows - r), count, target, yRow, 4, false);
    }
    epilogue(y, yRow, rows, count, bias == 0 ? 0 : bias + (<usize>o << 2), activation, residual == 0 ? 0 : residual + (<usize>o << 2));
    if (packed) panel += panelBytes;
  }
  normalise(norm, start, rows, out);
}

/** Five rows times eight: the same tile as `lib/gemm.ts` has, where a product is one of pairs. */
function tileOfPairs(a: usize, p: usize, features: i32, groupSize: i32, scales: usize, rowScales: usize, c: usize, cRow: usize): void {
  for (let column = 0; column < features; column += groupSize, scales += 32) {
    const pairs = (min(groupSize, features - column) + 1) >> 1;
    let c00 = i32x4.splat(0), c01 = i32x4.splat(0), c10 = i32x4.splat(0), c11 = i32x4.splat(0), c20 = i32x4.splat(0);
    let c21 = i32x4.splat(0), c30 = i32x4.splat(0), c31 = i32x4.splat(0), c40 = i32x4.splat(0), c41 = i32x4.splat(0);
    const end = p + (<usize>pairs << 5);
    while (p < end) {
      const b0 = v128.load(p);
      const b1 = v128.load(p, 16);
      const x0 = v128.load_splat<u32>(a);
      c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x0, b0));
      c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x0, b1));
      const x1 = v128.load_splat<u32>(a, 4);
      c10 = i32x4.add(c10, i32x4.dot_i16x8_s(x1, b0));
      c11 = i32x4.add(c11, i32x4.dot_i16x8_s(x1, b1));
      const x2 = v128.load_splat<u32>(a, 8);
      c20 = i32x4.add(c20, i32x4.dot_i16x8_s(x2, b0));
      c21 = i32x4.add(c21, i32x4.dot_i16x8_s(x2, b1));
      const x3 = v128.load_splat<u32>(a, 12);
      c30 = i32x4.add(c30, i32x4.dot_i16x8_s(x3, b0));
      c31 = i32x4.add(c31, i32x4.dot_i16x8_s(x3, b1));
      const x4 = v128.load_splat<u32>(a, 16);
      c40 = i32x4.add(c40, i32x4.dot_i16x8_s(x4, b0));
      c41 = i32x4.add(c41, i32x4.dot_i16x8_s(x4, b1));
      a += SLIVER;
      p += 32;
    }
    const s0 = v128.load(scales), s1 = v128.load(scales, 16);
    const more = column > 0, last = column + groupSize >= features;
    addScaled(c00, c01, s0, s1, c, more, last, rowScales);
    addScaled(c10, c11, s0, s1, c + cRow, more, last, rowScales + 4);
    addScaled(c20, c21, s0, s1, c + 2 * cRow, more, last, rowScales + 8);
    addScaled(c30, c31, s0, s1, c + 3 * cRow, more, last, rowScales + 12);
    addScaled(c40, c41, s0, s1, c + 4 * cRow, more, last, rowScales + 16);
  }
}

// @ts-ignore: decorator
@inline
function addScaled(low: v128, high: v128, s0: v128, s1: v128, c: usize, more: bool, last: bool, rowScale: usize): void {
  let f = f32x4.mul(f32x4.convert_i32x4_s(low), s0), g = f32x4.mul(f32x4.convert_i32x4_s(high), s1);
  if (more) {
    f = f32x4.add(v128.load(c), f);
    g = f32x4.add(v128.load(c, 16), g);
  }
  if (last) {
    const s = v128.load32_splat(rowScale);
    f = f32x4.mul(f, s);
    g = f32x4.mul(g, s);
  }
  v128.store(c, f);
  v128.store(c, g, 16);
}
