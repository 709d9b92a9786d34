/**
 * A few rows of x over codes or 16-bit floats as they lie: a lane of a vector of the weight holds neighbours along k, which shifts and masks
 * take apart, and x lies in the order in which that gives them. Zero points are taken off sums instead of codes. Weights are read in four
 * streams, a quarter of their rows apart; parameters are as of the kernels in `affine.ts`.
 */
import { epilogue } from "./lib/epilogue";
import { BF16, F16 } from "./lib/half";
import { normalise } from "./lib/norm";
import { madd } from "./lib/simd";

/** Numbers in a lane. */
// @ts-ignore: decorator
@inline
function depthOf(bits: i32): i32 {
  return bits == 4 ? 8 : bits == 8 ? 4 : 2;
}

/**
 * x in blocks of four lanes' numbers: number k of lane j, column `j·depth + k` of the block, goes to place `4k + j`, divided by what the
 * product multiplies it with (`unitOf`).
 *
 * @param sums f32 `[rows, groups]`, for codes: − Σ x ÷ 4 of each group. For f16, `[rows]`: what makes a sum of products right, since x
 *   is moved to where the weight, whose exponents are taken for those of f32, meets it in the middle of f32's range.
 * @param n a multiple of 32 (4 bits), 16 (8 bits) or 8, as is `groupSize`.
 */
export function f32_arrange_blocks(x: usize, to: usize, sums: usize, rows: i32, n: i32, groupSize: i32, bits: i32): void {
  const depth = depthOf(bits);
  for (let r = 0; r < rows; r++, x += <usize>n << 2) {
    const shift = bits == F16 ? exponentFor(x, n) : 0;
    const scale = power(shift);
    for (let column = 0; column < n;) {
      const stop = min(n, column + groupSize);
      let sum: f32 = 0;
      for (; column < stop; column += 4 * depth, to += <usize>depth << 4) {
        for (let i = 0; i < 4 * depth; i++) {
          const value = load<f32>(x + (<usize>(column + i) << 2));
          sum += value;
          const k = i % depth;
          store<f32>(to + (<usize>((k << 2) + i / depth) << 2), value * (bits == F16 ? scale : power(-unitOf(bits, k))));
        }
      }
      store<f32>(sums, bits == F16 ? power(112 - shift) : sum * -0.25);
      sums += 4;
    }
  }
}

/** 96, or what brings the largest x below 2^127. */
function exponentFor(x: usize, n: i32): i32 {
  let largest: u32 = 0;
  for (let i = 0; i < n; i++) largest = max(largest, load<u32>(x + (<usize>i << 2)) & 0x7fffffff);
  return min(96, 253 - <i32>(largest >> 23));
}

/** 2^exponent of a normal number. */
// @ts-ignore: decorator
@inline
function power(exponent: i32): f32 {
  return reinterpret<f32>((exponent + 127) << 23);
}

/** y over rows that `f32_arrange_blocks` made. */
export function f32_linear_affine_1x4(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  x: usize, sums: usize, y: usize, yRow: usize, rows: i32, out: i32, bias: usize, activation: i32, residual: usize, norm: usize,
): void {
  const quarter = (out + 3) >> 2;
  const each = (features + groupSize - 1) / groupSize;
  for (let o = 0; o < quarter; o++) {
    // What lies past the last row is that row again, written before the real one or to its place.
    const o1 = min(o + quarter, out - 1), o2 = min(o + 2 * quarter, out - 1), o3 = min(o + 3 * quarter, out - 1);
    const w0 = codes + <usize>o * rowBytes, w1 = codes + <usize>o1 * rowBytes;
    const w2 = codes + <usize>o2 * rowBytes, w3 = codes + <usize>o3 * rowBytes;
    const g0 = o * groups, g1 = o1 * groups, g2 = o2 * groups, g3 = o3 * groups;
    for (let r = 0; r < rows; r++) {
      const row = x + (<usize>(r * features) << 2), own = sums + (<usize>(r * each) << 2);
      let four: v128;
      if (bits == BF16) four = product(BF16, w0, w1, w2, w3, scales, zeros, g0, g1, g2, g3, features, features, row, own);
      else if (bits == F16) four = product(F16, w0, w1, w2, w3, scales, zeros, g0, g1, g2, g3, features, features, row, own);
      else if (bits == 8) four = product(8, w0, w1, w2, w3, scales, zeros, g0, g1, g2, g3, groupSize, features, row, own);
      else four = product(4, w0, w1, w2, w3, scales, zeros, g0, g1, g2, g3, groupSize, features, row, own);
      const target = y + r * yRow;
      v128.store_lane<f32>(target + (<usize>o3 << 2), four, 3);
      v128.store_lane<f32>(target + (<usize>o2 << 2), four, 2);
      v128.store_lane<f32>(target + (<usize>o1 << 2), four, 1);
      v128.store_lane<f32>(target + (<usize>o << 2), four, 0);
    }
  }
  epilogue(y, yRow, rows, out, bias, activation, residual);
  normalise(norm, y, rows, out);
}

/** Number k of each lane as f32 times 2^`unitOf`: the code, or the 16-bit float, that of f16 less its scale. */
// @ts-ignore: decorator
@inline
function part(bits: i32, v: v128, k: i32): v128 {
  if (bits == BF16) return k == 0 ? i32x4.shl(v, 16) : v128.and(v, i32x4.splat(0xffff0000));
  if (bits == F16) return v128.and(i32x4.shr_s(k == 0 ? i32x4.shl(v, 16) : v, 3), i32x4.splat(0x8fffe000));
  // The last one, where it lies, would be taken for a sign.
  if (k == depthOf(bits) - 1) return f32x4.convert_i32x4_s(i32x4.shr_u(v, 32 - bits));
  return f32x4.convert_i32x4_s(v128.and(v, bits == 8 ? byte(k) : nibble(k)));
}

// @ts-ignore: decorator
@inline
function byte(k: i32): v128 {
  return k == 0 ? i32x4.splat(0xff) : k == 1 ? i32x4.splat(0xff00) : i32x4.splat(0xff0000);
}

// @ts-ignore: decorator
@inline
function nibble(k: i32): v128 {
  if (k == 0) return i32x4.splat(0xf);
  if (k == 1) return i32x4.splat(0xf0);
  if (k == 2) return i32x4.splat(0xf00);
  if (k == 3) return i32x4.splat(0xf000);
  if (k == 4) return i32x4.splat(0xf0000);
  return k == 5 ? i32x4.splat(0xf00000) : i32x4.splat(0xf000000);
}

/** Codes stay in their place within a lane: number k counts so many powers of two too much, which x makes up for. */
// @ts-ignore: decorator
@inline
function unitOf(bits: i32, k: i32): i32 {
  return bits < F16 && k < depthOf(bits) - 1 ? bits * k : 0;
}

/** −zero·Σx of a group, in four equal parts. */
// @ts-ignore: decorator
@inline
function offset(bits: i32, zeros: usize, at: i32, sum: v128): v128 {
  const zero: f32 = zeros == 0 ? <f32>(1 << (bits - 1)) : <f32>load<u8>(zeros + at);
  return f32x4.mul(f32x4.splat(zero), sum);
}

/** Four outputs of one row of x. */
// @ts-ignore: decorator
@inline
function product(
  bits: i32, w0: usize, w1: usize, w2: usize, w3: usize, scales: usize, zeros: usize, g0: i32, g1: i32, g2: i32, g3: i32,
  groupSize: i32, features: i32, x: usize, sums: usize,
): v128 {
  const codes = bits < F16;
  let t0 = f32x4.splat(0), t1 = t0, t2 = t0, t3 = t0;
  const end = x + (<usize>features << 2), step = <usize>groupSize << 2;
  for (; x < end; sums += 4, g0++, g1++, g2++, g3++) {
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    if (codes) {
      const sum = v128.load32_splat(sums);
      a0 = offset(bits, zeros, g0, sum);
      a1 = offset(bits, zeros, g1, sum);
      a2 = offset(bits, zeros, g2, sum);
      a3 = offset(bits, zeros, g3, sum);
    }
    for (const stop = min(end, x + step); x < stop; w0 += 16, w1 += 16, w2 += 16, w3 += 16, x += <usize>depthOf(bits) << 4) {
      const v0 = v128.load(w0), v1 = v128.load(w1), v2 = v128.load(w2), v3 = v128.load(w3);
      let u = v128.load(x);
      a0 = madd(part(bits, v0, 0), u, a0);
      a1 = madd(part(bits, v1, 0), u, a1);
      a2 = madd(part(bits, v2, 0), u, a2);
      a3 = madd(part(bits, v3, 0), u, a3);
      u = v128.load(x, 16);
      b0 = madd(part(bits, v0, 1), u, b0);
      b1 = madd(part(bits, v1, 1), u, b1);
      b2 = madd(part(bits, v2, 1), u, b2);
      b3 = madd(part(bits, v3, 1), u, b3);
      if (codes) {
        u = v128.load(x, 32);
        a0 = madd(part(bits, v0, 2), u, a0);
        a1 = madd(part(bits, v1, 2), u, a1);
        a2 = madd(part(bits, v2, 2), u, a2);
        a3 = madd(part(bits, v3, 2), u, a3);
        u = v128.load(x, 48);
        b0 = madd(part(bits, v0, 3), u, b0);
        b1 = madd(part(bits, v1, 3), u, b1);
        b2 = madd(part(bits, v2, 3), u, b2);
        b3 = madd(part(bits, v3, 3), u, b3);
      }
      if (bits == 4) {
        u = v128.load(x, 64);
        a0 = madd(part(bits, v0, 4), u, a0);
        a1 = madd(part(bits, v1, 4), u, a1);
        a2 = madd(part(bits, v2, 4), u, a2);
        a3 = madd(part(bits, v3, 4), u, a3);
        u = v128.load(x, 80);
        b0 = madd(part(bits, v0, 5), u, b0);
        b1 = madd(part(bits, v1, 5), u, b1);
        b2 = madd(part(bits, v2, 5), u, b2);
        b3 = madd(part(bits, v3, 5), u, b3);
        u = v128.load(x, 96);
        a0 = madd(part(bits, v0, 6), u, a0);
        a1 = madd(part(bits, v1, 6), u, a1);
        a2 = madd(part(bits, v2, 6), u, a2);
        a3 = madd(part(bits, v3, 6), u, a3);
        u = v128.load(x, 112);
        b0 = madd(part(bits, v0, 7), u, b0);
        b1 = madd(part(bits, v1, 7), u, b1);
        b2 = madd(part(bits, v2, 7), u, b2);
        b3 = madd(part(bits, v3, 7), u, b3);
      }
    }
    a0 = f32x4.add(a0, b0);
    a1 = f32x4.add(a1, b1);
    a2 = f32x4.add(a2, b2);
    a3 = f32x4.add(a3, b3);
    t0 = codes ? madd(a0, v128.load32_splat(scales + (<usize>g0 << 2)), t0) : a0;
    t1 = codes ? madd(a1, v128.load32_splat(scales + (<usize>g1 << 2)), t1) : a1;
    t2 = codes ? madd(a2, v128.load32_splat(scales + (<usize>g2 << 2)), t2) : a2;
    t3 = codes ? madd(a3, v128.load32_splat(scales + (<usize>g3 << 2)), t3) : a3;
  }
  const four = sumEach(t0, t1, t2, t3);
  return bits == F16 ? f32x4.mul(four, v128.load32_splat(sums - 4)) : four;
}

/** The sum of each vector's lanes. */
// @ts-ignore: decorator
@inline
function sumEach(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}
