/** Towards zero. */
export function f32_cast_i32(x: usize, y: usize, n: i32): void {
  const end = y + (<usize>(n & ~3) << 2);
  for (; y < end; y += 16, x += 16) v128.store(y, i32x4.trunc_sat_f32x4_s(v128.load(x)));
  for (let i = n & 3; i > 0; i--, y += 4, x += 4) store<i32>(y, <i32>load<f32>(x));
}

export function i32_cast_f32(x: usize, y: usize, n: i32): void {
  const end = y + (<usize>(n & ~3) << 2);
  for (; y < end; y += 16, x += 16) v128.store(y, f32x4.convert_i32x4_s(v128.load(x)));
  for (let i = n & 3; i > 0; i--, y += 4, x += 4) store<f32>(y, <f32>load<i32>(x));
}

export function u8_cast_f32(x: usize, y: usize, n: i32): void {
  for (const end = y + (<usize>n << 2); y < end; y += 4, x += 1) store<f32>(y, <f32>load<u8>(x));
}
