/**
 * Affine codes: value = scale·(code − zero), codes unsigned, `bits` 8 or 4 (two a byte, the even column in the low half), one
 * scale and zero point (u8; 2^(bits − 1) where `zeros` is 0) per `groupSize` columns.
 */
import { F16, widenColumns } from "./half";
import { madd, sumLanes } from "./simd";

// @ts-ignore: decorator
@inline
function zeroOf(zeros: usize, group: i32, bits: i32): i32 {
  return zeros == 0 ? 1 << (bits - 1) : load<u8>(zeros + group);
}

// @ts-ignore: decorator
@inline
function codeAt(codes: usize, bits: i32, column: i32): i32 {
  if (bits == 8) return load<u8>(codes + column);
  return (load<u8>(codes + (column >> 1)) >> ((column & 1) << 2)) & 15;
}

/** Eight codes from `column` (even) on, less their zero point, as i16. */
// @ts-ignore: decorator
@inline
function eight(codes: usize, bits: i32, column: i32, zero: v128): v128 {
  if (bits == 8) return i16x8.sub(v128.load_ext<u8>(codes + column), zero);
  const packed = v128.load32_zero(codes + (column >> 1));
  const low = v128.and(packed, i32x4.splat(0x0f0f0f0f));
  const high = v128.and(i16x8.shr_u(packed, 4), i32x4.splat(0x0f0f0f0f));
  return i16x8.sub(i16x8.extend_low_i8x16_u(v128.shuffle<i8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)), zero);
}

/** Sixteen 4-bit codes from `column` (even) on, less their zero point (itself such a code), as i8. */
// @ts-ignore: decorator
@inline
function sixteen(codes: usize, column: i32, zero: v128): v128 {
  const packed = v128.load64_zero(codes + (column >> 1));
  const low = v128.and(packed, i32x4.splat(0x0f0f0f0f));
  const high = v128.and(i16x8.shr_u(packed, 4), i32x4.splat(0x0f0f0f0f));
  return i8x16.sub(v128.shuffle<i8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), zero);
}

/** Columns `[begin, end)` of one row of codes as floats. */
// @ts-ignore: decorator
@inline
function dequantize(codes: usize, bits: i32, begin: i32, end: i32, scales: usize, zeros: usize, groupSize: i32, y: usize): void {
  for (let column = begin; column < end;) {
    const group = column / groupSize;
    const stop = min(end, (group + 1) * groupSize);
    const scale = load<f32>(scales + (<usize>group << 2));
    const zero = zeroOf(zeros, group, bits);
    const s = f32x4.splat(scale), z = i16x8.splat(<i16>zero);
    if (column & 1) {
      store<f32>(y, scale * <f32>(codeAt(codes, bits, column) - zero));
      column++;
      y += 4;
    }
    for (; column + 8 <= stop; column += 8, y += 32) {
      const v = eight(codes, bits, column, z);
      v128.store(y, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(v)), s));
      v128.store(y, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(v)), s), 16);
    }
    for (; column < stop; column++, y += 4) store<f32>(y, scale * <f32>(codeAt(codes, bits, column) - zero));
  }
}

export function dequantizeColumns(
  codes: usize, bits: i32, begin: i32, end: i32, scales: usize, zeros: usize, groupSize: i32, y: usize,
): void {
  if (bits >= F16) widenColumns(codes + (<usize>begin << 1), bits, end - begin, y);
  else if (bits == 8) dequantize(codes, 8, begin, end, scales, zeros, groupSize, y);
  else dequantize(codes, 4, begin, end, scales, zeros, groupSize, y);
}

/** Σ x[i]·value[i] over a row of codes, x as i16. */
// @ts-ignore: decorator
@inline
function dotRounded(x: usize, codes: usize, bits: i32, features: i32, scales: usize, zeros: usize, groupSize: i32): f32 {
  let total = f32x4.splat(0);
  let odd: f32 = 0;
  for (let column = 0, group = 0; column < features; group++) {
    const stop = min(features, column + groupSize);
    const scale = load<f32>(scales + (<usize>group << 2));
    const zero = zeroOf(zeros, group, bits);
    const z = i16x8.splat(<i16>zero);
    let a = i32x4.splat(0), b = i32x4.splat(0);
    let few = 0;
    if (column & 1) {
      few = <i32>load<i16>(x) * (codeAt(codes, bits, column) - zero);
      column++;
      x += 2;
    }
    if (bits == 4) {
      const narrow = i8x16.splat(<i8>zero);
      for (; column + 16 <= stop; column += 16, x += 32) {
        const v = sixteen(codes, column, narrow);
        a = i32x4.add(a, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(v), v128.load(x)));
        b = i32x4.add(b, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(v), v128.load(x, 16)));
      }
    }
    for (; column + 8 <= stop; column += 8, x += 16) a = i32x4.add(a, i32x4.dot_i16x8_s(eight(codes, bits, column, z), v128.load(x)));
    for (; column < stop; column++, x += 2) few += <i32>load<i16>(x) * (codeAt(codes, bits, column) - zero);
    total = madd(f32x4.convert_i32x4_s(i32x4.add(a, b)), f32x4.splat(scale), total);
    odd += <f32>few * scale;
  }
  return sumLanes(total) + odd;
}

export function dotRoundedCodes(x: usize, codes: usize, bits: i32, features: i32, scales: usize, zeros: usize, groupSize: i32): f32 {
  return bits == 8
    ? dotRounded(x, codes, 8, features, scales, zeros, groupSize)
    : dotRounded(x, codes, 4, features, scales, zeros, groupSize);
}

/** A row of codes less their zero points, as i16; every group is filled up to an even number with a zero. */
// @ts-ignore: decorator
@inline
function unpack(codes: usize, bits: i32, features: i32, zeros: usize, groupSize: i32, y: usize): void {
  for (let column = 0, group = 0; column < features; group++) {
    const begin = column, stop = min(features, column + groupSize);
    const zero = zeroOf(zeros, group, bits);
    const z = i16x8.splat(<i16>zero);
    if (column & 1) {
      store<i16>(y, <i16>(codeAt(codes, bits, column) - zero));
      column++;
      y += 2;
    }
    if (bits == 4) {
      const narrow = i8x16.splat(<i8>zero);
      for (; column + 16 <= stop; column += 16, y += 32) {
        const v = sixteen(codes, column, narrow);
        v128.store(y, i16x8.extend_low_i8x16_s(v));
        v128.store(y, i16x8.extend_high_i8x16_s(v), 16);
      }
    }
    for (; column + 8 <= stop; column += 8, y += 16) v128.store(y, eight(codes, bits, column, z));
    for (; column < stop; column++, y += 2) store<i16>(y, <i16>(codeAt(codes, bits, column) - zero));
    if ((stop - begin) & 1) {
      store<i16>(y, 0);
      y += 2;
    }
  }
}

export function unpackColumns(codes: usize, bits: i32, features: i32, zeros: usize, groupSize: i32, y: usize): void {
  if (bits == 8) unpack(codes, 8, features, zeros, groupSize, y);
  else unpack(codes, 4, features, zeros, groupSize, y);
}
