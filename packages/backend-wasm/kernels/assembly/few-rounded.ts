/**
 * A few rounded rows of x times codes in groups of whole blocks, 32 columns of 4 bits or 16 of 8: every block of codes is 16 bytes, taken
 * apart by shifts and masks alone, since x lies in the order in which that gives them. Zero points are taken off sums instead of codes.
 * Sums of a group are exact, and scaled sums are added in the order of groups: all variants give the bytes of `i16_linear_affine_5x8`.
 */
import { f32_round_rows } from "./affine";
import { epilogue } from "./lib/epilogue";
import { normalise } from "./lib/norm";

/** Bytes of a block of x. For 4 bits: i8, its even columns before its odd ones; or i16, by columns modulo four. For 8: i16, even before odd. */
// @ts-ignore: decorator
@inline
function blockBytes(bits: i32): usize {
  return bits == 8 || ASC_FEATURE_RELAXED_SIMD ? 32 : 64;
}

/**
 * Rounds as `f32_round_rows` does, into the order of blocks; also the sum of each group of a row.
 *
 * @param q 2·`n` bytes a row.
 * @param sums i32 `[rows, groups]`
 * @param scratch 2·`n` bytes.
 */
export function f32_round_blocks(
  x: usize, q: usize, scales: usize, sums: usize, rows: i32, n: i32, groupSize: i32, bits: i32, scratch: usize,
): void {
  const bytes = <usize>n << 1, columns = bits == 8 ? 16 : 32;
  for (let r = 0; r < rows; r++, x += 2 * bytes, q += bytes, scales += 4) {
    f32_round_rows(x, scratch, bytes, scales, 1, n, n);
    for (let column = 0; column < n; sums += 4) {
      const stop = min(n, column + groupSize);
      let sum = 0;
      for (; column < stop; column++) {
        const value = <i32>load<i16>(scratch + (<usize>column << 1));
        const block = q + (column / columns) * blockBytes(bits), at = column % columns;
        sum += value;
        if (bits == 8) store<i16>(block + (<usize>(at & 1) << 4) + (<usize>(at >> 1) << 1), <i16>value);
        else if (ASC_FEATURE_RELAXED_SIMD) store<i8>(block + (<usize>(at & 1) << 4) + (at >> 1), <i8>value);
        else store<i16>(block + (<usize>(at & 3) << 4) + (<usize>(at >> 2) << 1), <i16>value);
      }
      store<i32>(sums, sum);
    }
  }
}

/** y over rows that `f32_round_blocks` made. Weights are read in four streams; parameters as of the kernels in `affine.ts`. */
export function i16_linear_affine_1x4(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  q: usize, qScales: usize, sums: usize, y: usize, yRow: usize, rows: i32, out: i32, bias: usize, activation: i32, residual: usize,
  norm: usize,
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
      const row = q + <usize>(r * features) * 2, own = sums + (<usize>(r * each) << 2);
      const total = bits == 8
        ? fourRows(8, w0, w1, w2, w3, scales, zeros, g0, g1, g2, g3, groupSize, features, row, own)
        : fourRows(4, w0, w1, w2, w3, scales, zeros, g0, g1, g2, g3, groupSize, features, row, own);
      const scaled = f32x4.mul(total, v128.load32_splat(qScales + (<usize>r << 2)));
      const target = y + r * yRow;
      v128.store_lane<f32>(target + (<usize>o3 << 2), scaled, 3);
      v128.store_lane<f32>(target + (<usize>o2 << 2), scaled, 2);
      v128.store_lane<f32>(target + (<usize>o1 << 2), scaled, 1);
      v128.store_lane<f32>(target + (<usize>o << 2), scaled, 0);
    }
  }
  epilogue(y, yRow, rows, out, bias, activation, residual);
  normalise(norm, y, rows, out);
}

// @ts-ignore: decorator
@inline
function fourRows(
  bits: i32, w0: usize, w1: usize, w2: usize, w3: usize, scales: usize, zeros: usize, g0: i32, g1: i32, g2: i32, g3: i32,
  groupSize: i32, features: i32, q: usize, sums: usize,
): v128 {
  const s0 = scales + (<usize>g0 << 2), s1 = scales + (<usize>g1 << 2), s2 = scales + (<usize>g2 << 2), s3 = scales + (<usize>g3 << 2);
  const z0 = zeros + g0, z1 = zeros + g1, z2 = zeros + g2, z3 = zeros + g3;
  let total = f32x4.splat(0);
  const halved: usize = bits == 4 ? 1 : 0;
  const end = w0 + (<usize>features >> halved), step = <usize>groupSize >> halved;
  for (let group: usize = 0; w0 < end; group++, sums += 4) {
    let a0 = i32x4.splat(0), a1 = i32x4.splat(0), a2 = i32x4.splat(0), a3 = i32x4.splat(0);
    for (const stop = min(end, w0 + step); w0 < stop; w0 += 16, w1 += 16, w2 += 16, w3 += 16, q += blockBytes(bits)) {
      a0 = i32x4.add(a0, block(bits, w0, q));
      a1 = i32x4.add(a1, block(bits, w1, q));
      a2 = i32x4.add(a2, block(bits, w2, q));
      a3 = i32x4.add(a3, block(bits, w3, q));
    }
    let zero = bits == 8 ? i32x4.splat(128) : i32x4.splat(8);
    if (zeros) {
      zero = i32x4.splat(load<u8>(z0 + group));
      zero = i32x4.replace_lane(zero, 1, load<u8>(z1 + group));
      zero = i32x4.replace_lane(zero, 2, load<u8>(z2 + group));
      zero = i32x4.replace_lane(zero, 3, load<u8>(z3 + group));
    }
    const sum = i32x4.sub(sumEach(a0, a1, a2, a3), i32x4.mul(zero, v128.load32_splat(sums)));
    const at = group << 2;
    let scale = v128.load32_zero(s0 + at);
    scale = v128.load_lane<f32>(s1 + at, scale, 1);
    scale = v128.load_lane<f32>(s2 + at, scale, 2);
    scale = v128.load_lane<f32>(s3 + at, scale, 3);
    total = f32x4.add(total, f32x4.mul(f32x4.convert_i32x4_s(sum), scale));
  }
  return total;
}

/** Partial sums of one block. */
// @ts-ignore: decorator
@inline
function block(bits: i32, w: usize, q: usize): v128 {
  const v = v128.load(w);
  if (bits == 8) {
    const even = v128.and(v, i32x4.splat(0x00ff00ff));
    return i32x4.add(i32x4.dot_i16x8_s(v128.load(q), even), i32x4.dot_i16x8_s(v128.load(q, 16), i16x8.shr_u(v, 8)));
  }
  if (ASC_FEATURE_RELAXED_SIMD) {
    // Codes have seven bits at most, so every engine gives the same; four products of ≤ 15·127 fit 16 bits.
    const mask = i32x4.splat(0x0f0f0f0f);
    const low = i16x8.relaxed_dot_i8x16_i7x16_s(v128.load(q), v128.and(v, mask));
    const high = i16x8.relaxed_dot_i8x16_i7x16_s(v128.load(q, 16), v128.and(i16x8.shr_u(v, 4), mask));
    return i32x4.extadd_pairwise_i16x8_s(i16x8.add(low, high));
  }
  const mask = i32x4.splat(0x000f000f);
  const first = i32x4.add(
    i32x4.dot_i16x8_s(v128.load(q), v128.and(v, mask)), i32x4.dot_i16x8_s(v128.load(q, 16), v128.and(i16x8.shr_u(v, 4), mask)),
  );
  const second = i32x4.add(
    i32x4.dot_i16x8_s(v128.load(q, 32), v128.and(i16x8.shr_u(v, 8), mask)), i32x4.dot_i16x8_s(v128.load(q, 48), i16x8.shr_u(v, 12)),
  );
  return i32x4.add(first, second);
}

/** The sum of each vector's lanes. */
// @ts-ignore: decorator
@inline
function sumEach(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}
