import { storeTail } from "./lib/simd";

/**
 * y[i] in [0, 1): upper 24 bits of word i of Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011) with the two words at `seed` as key and counter (⌊i/4⌋, 0, stream, 0), for i from `from`, a multiple of 16 that lies at y. Four blocks at a time.
 */
export function f32_random_uniform(seed: usize, y: usize, from: i32, to: i32, stream: u32): void {
  for (let i = from; i < to; i += 16, y += 64) {
    let c0 = i32x4.add(i32x4.splat(i >> 2), i32x4(0, 1, 2, 3)), c1 = i32x4.splat(0), c2 = i32x4.splat(stream), c3 = i32x4.splat(0);
    let k0 = load<u32>(seed), k1 = load<u32>(seed, 4);
    for (let round = 0; round < 10; round++, k0 += 0x9e3779b9, k1 += 0xbb67ae85) {
      const high0 = highProduct(c0, 0xd2511f53), low0 = i32x4.mul(c0, i32x4.splat(0xd2511f53));
      const high1 = highProduct(c2, 0xcd9e8d57), low1 = i32x4.mul(c2, i32x4.splat(0xcd9e8d57));
      c0 = v128.xor(v128.xor(high1, c1), i32x4.splat(k0));
      c2 = v128.xor(v128.xor(high0, c3), i32x4.splat(k1));
      c1 = low1;
      c3 = low0;
    }
    // Lane b of word w belongs at 4b + w.
    const t0 = v128.shuffle<i32>(c0, c1, 0, 4, 1, 5), t1 = v128.shuffle<i32>(c2, c3, 0, 4, 1, 5);
    const t2 = v128.shuffle<i32>(c0, c1, 2, 6, 3, 7), t3 = v128.shuffle<i32>(c2, c3, 2, 6, 3, 7);
    put(y, v128.shuffle<i64>(t0, t1, 0, 2), to - i);
    put(y + 16, v128.shuffle<i64>(t0, t1, 1, 3), to - i - 4);
    put(y + 32, v128.shuffle<i64>(t2, t3, 0, 2), to - i - 8);
    put(y + 48, v128.shuffle<i64>(t2, t3, 1, 3), to - i - 12);
  }
}

// @ts-ignore: decorator
@inline
function highProduct(v: v128, factor: u32): v128 {
  const m = i32x4.splat(factor);
  return v128.shuffle<i32>(i64x2.extmul_low_i32x4_u(v, m), i64x2.extmul_high_i32x4_u(v, m), 1, 3, 5, 7);
}

// @ts-ignore: decorator
@inline
function put(y: usize, words: v128, room: i32): void {
  if (room <= 0) return;
  const v = f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_u(words, 8)), f32x4.splat(5.9604644775390625e-8));
  if (room >= 4) v128.store(y, v);
  else storeTail(y, v, room);
}
