/** 16-bit floats, which kernels of affine codes take in the place of codes: they have neither scales nor zero points. */
/** In the place of the number of bits; the encoder names them so. */
// @ts-ignore: decorator
@inline
export const F16: i32 = 16;
// @ts-ignore: decorator
@inline
export const BF16: i32 = 17;

/**
 * Four 16-bit floats. Those of f16, stretched with their sign, are moved to where f32 has its exponent, whose bias a product mends: exact, also
 * below 2⁻¹⁴. They must be finite, which is seen to when they are uploaded.
 */
// @ts-ignore: decorator
@inline
function widen4(p: usize, format: i32): v128 {
  if (format == BF16) return i32x4.shl(v128.load_ext<u16>(p), 16);
  return f32x4.mul(v128.and(i32x4.shl(v128.load_ext<i16>(p), 13), i32x4.splat(0x8fffe000)), i32x4.splat(0x77800000));
}

/** The last of them, one by one. */
// @ts-ignore: decorator
@inline
function widen(p: usize, format: i32): f32 {
  if (format == BF16) return reinterpret<f32>(<u32>load<u16>(p) << 16);
  return reinterpret<f32>((<u32>load<i16>(p) << 13) & 0x8fffe000) * reinterpret<f32>(0x77800000);
}

// @ts-ignore: decorator
@inline
function widenAll(p: usize, format: i32, count: i32, y: usize): void {
  for (; count >= 8; count -= 8, p += 16, y += 32) {
    v128.store(y, widen4(p, format));
    v128.store(y, widen4(p + 8, format), 16);
  }
  for (; count > 0; count--, p += 2, y += 4) store<f32>(y, widen(p, format));
}

export function widenColumns(p: usize, format: i32, count: i32, y: usize): void {
  if (format == BF16) widenAll(p, BF16, count, y);
  else widenAll(p, F16, count, y);
}
