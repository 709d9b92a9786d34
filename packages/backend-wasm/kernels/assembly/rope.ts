/** Rotary positions. Angles are computed and reduced in float64: at position 100,000 an f32 angle would be off by 0.004. */
import { loadTail, storeTail } from "./lib/simd";

/**
 * y = x turned by position·frequency, x `[batch, seq, heads, width]`. Sequences of a batch mostly share their positions: all go
 * through a place together, and its sines are computed anew only where the position is another one.
 *
 * @param frequencies ⌈width/4⌉·2 float64, one per pair, the last repeated to an even number; negative to turn back.
 * @param turns scratch for 2·(width + 4) floats.
 */
export function f32_rope_adjacent(
  x: usize, positions: usize, y: usize, batch: i32, seq: i32, heads: i32, width: i32, frequencies: usize, turns: usize,
): void {
  const pairs = width >> 1;
  const sines = turns + (<usize>(width + 4) << 2);
  const whole = <usize>(width & ~3) << 2;
  const row = <usize>(heads * width) << 2;
  let known = ~load<i32>(positions);
  for (let place = 0; place < seq; place++) {
    for (let token = <usize>place, end = <usize>(batch * seq); token < end; token += seq) {
      const position = load<i32>(positions + (token << 2));
      for (let i = 0; i < pairs && position != known; i += 2) {
        const angle = f64x2.mul(f64x2.splat(<f64>position), v128.load(frequencies + (<usize>i << 3)));
        const c = cosine(angle), s = sine(angle);
        v128.store(turns + (<usize>i << 3), v128.shuffle<f32>(c, c, 0, 0, 1, 1));
        v128.store(sines + (<usize>i << 3), f32x4.mul(v128.shuffle<f32>(s, s, 0, 0, 1, 1), f32x4(-1, 1, -1, 1)));
      }
      known = position;
      let source = x + token * row, target = y + token * row;
      for (let head = 0; head < heads; head++, source += <usize>width << 2, target += <usize>width << 2) {
        let o: usize = 0;
        for (; o < whole; o += 16) v128.store(target + o, turned(v128.load(source + o), turns + o, sines + o));
        if (width & 2) storeTail(target + o, turned(loadTail(source + o, 2), turns + o, sines + o), 2);
      }
    }
  }
}

/** As above, but pairs lie half the width apart. */
export function f32_rope_half(
  x: usize, positions: usize, y: usize, batch: i32, seq: i32, heads: i32, width: i32, frequencies: usize, turns: usize,
): void {
  const pairs = width >> 1;
  const sines = turns + (<usize>(width + 4) << 2);
  const half = <usize>pairs << 2;
  const whole = <usize>(pairs & ~3) << 2;
  const rest = pairs & 3;
  const row = <usize>(heads * width) << 2;
  let known = ~load<i32>(positions);
  for (let place = 0; place < seq; place++) {
    for (let token = <usize>place, end = <usize>(batch * seq); token < end; token += seq) {
      const position = load<i32>(positions + (token << 2));
      for (let i = 0; i < pairs && position != known; i += 2) {
        const angle = f64x2.mul(f64x2.splat(<f64>position), v128.load(frequencies + (<usize>i << 3)));
        v128.store_lane<i64>(turns + (<usize>i << 2), cosine(angle), 0);
        v128.store_lane<i64>(sines + (<usize>i << 2), sine(angle), 0);
      }
      known = position;
      let source = x + token * row, target = y + token * row;
      for (let head = 0; head < heads; head++, source += <usize>width << 2, target += <usize>width << 2) {
        let o: usize = 0;
        for (; o < whole; o += 16) {
          const a = v128.load(source + o), b = v128.load(source + half + o), c = v128.load(turns + o), s = v128.load(sines + o);
          v128.store(target + o, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
          v128.store(target + half + o, f32x4.add(f32x4.mul(a, s), f32x4.mul(b, c)));
        }
        if (rest) {
          const a = loadTail(source + o, rest), b = loadTail(source + half + o, rest), c = v128.load(turns + o), s = v128.load(sines + o);
          storeTail(target + o, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)), rest);
          storeTail(target + half + o, f32x4.add(f32x4.mul(a, s), f32x4.mul(b, c)), rest);
        }
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function turned(v: v128, cosines: usize, sines: usize): v128 {
  const swapped = v128.shuffle<f32>(v, v, 1, 0, 3, 2);
  return f32x4.add(f32x4.mul(v, v128.load(cosines)), f32x4.mul(swapped, v128.load(sines)));
}

/** Two cosines in the low f32 lanes. */
// @ts-ignore: decorator
@inline
function cosine(angle: v128): v128 {
  return quadrant(angle, f64x2.splat(1));
}

// @ts-ignore: decorator
@inline
function sine(angle: v128): v128 {
  return quadrant(angle, f64x2.splat(0));
}

/** sin(angle + shift·π/2): both polynomials on [−π/4, π/4], chosen and signed by the quadrant. */
// @ts-ignore: decorator
@inline
function quadrant(angle: v128, shift: v128): v128 {
  const n = f64x2.nearest(f64x2.mul(angle, f64x2.splat(0.6366197723675814)));
  const r = f64x2.sub(angle, f64x2.mul(n, f64x2.splat(1.5707963267948966)));
  const u = f64x2.mul(r, r);
  let s = f64x2.add(f64x2.mul(u, f64x2.splat(0.000002724994087)), f64x2.splat(-0.0001984008697));
  s = f64x2.add(f64x2.mul(s, u), f64x2.splat(0.008333331875));
  s = f64x2.add(f64x2.mul(s, u), f64x2.splat(-0.1666666666));
  s = f64x2.add(f64x2.mul(f64x2.mul(s, u), r), r);
  let c = f64x2.add(f64x2.mul(u, f64x2.splat(0.00002454942849)), f64x2.splat(-0.001388831448));
  c = f64x2.add(f64x2.mul(c, u), f64x2.splat(0.04166666483));
  c = f64x2.add(f64x2.mul(f64x2.mul(c, u), u), f64x2.sub(f64x2.splat(1), f64x2.mul(u, f64x2.splat(0.5))));
  // n + shift modulo 4 as the low bits of a shifted float.
  const q = f64x2.add(f64x2.add(n, shift), f64x2.splat(6755399441055744));
  const odd = i64x2.neg(v128.and(q, i64x2.splat(1)));
  const sign = i64x2.shl(v128.and(q, i64x2.splat(2)), 62);
  return f32x4.demote_f64x2_zero(v128.xor(v128.bitselect(c, s, odd), sign));
}
