/**
 * Elementary functions on four f32 lanes, relative error at most 2e-6 (mostly 2e-7). The polynomials were fitted for these
 * intervals with the Remez exchange algorithm against series in double precision.
 */
import { madd, nmadd } from "./simd";

// @ts-ignore: decorator
@inline
export function one(): v128 { return f32x4.splat(1); }

/** e^r for r = x − n·ln 2, |r| ≤ ln 2 ÷ 2; ln 2 in two parts: n·0.693359375 is exact. */
// @ts-ignore: decorator
@inline
function expRest(x: v128, n: v128): v128 {
  const r = nmadd(n, f32x4.splat(-2.12194440e-4), nmadd(n, f32x4.splat(0.693359375), x));
  let p = madd(r, f32x4.splat(0.001381469644), f32x4.splat(0.008368773316));
  p = madd(p, r, f32x4.splat(0.04166838937));
  p = madd(p, r, f32x4.splat(0.1666652018));
  p = madd(p, r, f32x4.splat(0.4999999344));
  return madd(p, f32x4.mul(r, r), f32x4.add(r, one()));
}

/** e^x by 2^n·e^r, |r| ≤ ln 2 ÷ 2. Overflows to Infinity, underflows through denormals to 0, keeps NaN. */
// @ts-ignore: decorator
@inline
export function exp4(v: v128): v128 {
  const x = f32x4.pmin(f32x4.pmax(v, f32x4.splat(-104)), f32x4.splat(89));
  // Adding 1.5·2^23 rounds to an integer and leaves it in the low bits.
  const shifted = f32x4.add(f32x4.mul(x, f32x4.splat(1.442695041)), f32x4.splat(12582912));
  const exponent = i32x4.sub(shifted, i32x4.splat(0x4b400000));
  const n = f32x4.sub(shifted, f32x4.splat(12582912));
  const p = expRest(x, n);
  // In two halves, since 2^n alone may lie outside the normal numbers.
  const half = i32x4.shr_s(exponent, 1);
  const rest = i32x4.sub(exponent, half);
  const bias = i32x4.splat(127);
  return f32x4.mul(f32x4.mul(p, i32x4.shl(i32x4.add(half, bias), 23)), i32x4.shl(i32x4.add(rest, bias), 23));
}

/** e^x for x ≤ 0 that may flush to 0 below −87: one multiplication less, for softmax and tails. */
// @ts-ignore: decorator
@inline
export function expNonPositive4(v: v128): v128 {
  const x = f32x4.pmax(v, f32x4.splat(-87.3));
  const shifted = f32x4.add(f32x4.mul(x, f32x4.splat(1.442695041)), f32x4.splat(12582912));
  const n = f32x4.sub(shifted, f32x4.splat(12582912));
  const scaled = f32x4.mul(expRest(x, n), i32x4.add(i32x4.shl(shifted, 23), i32x4.splat(0x3f800000)));
  return v128.andnot(scaled, f32x4.lt(v, f32x4.splat(-87.3)));
}

/** Natural logarithm by 2·artanh((m−1)÷(m+1)), m in [√½, √2). log 0 = −Infinity, log of a negative number is NaN. */
// @ts-ignore: decorator
@inline
export function log4(v: v128): v128 {
  const tiny = f32x4.lt(v, f32x4.splat(1.17549435e-38));
  const x = v128.bitselect(f32x4.mul(v, f32x4.splat(8388608)), v, tiny);
  const exponent = i32x4.shr_s(i32x4.sub(x, i32x4.splat(0x3f3504f3)), 23);
  const m = i32x4.sub(x, i32x4.shl(exponent, 23));
  const e = f32x4.sub(f32x4.convert_i32x4_s(exponent), v128.and(tiny, f32x4.splat(23)));
  const s = f32x4.div(f32x4.sub(m, one()), f32x4.add(m, one()));
  const u = f32x4.mul(s, s);
  const p = madd(madd(u, f32x4.splat(0.2987304795), f32x4.splat(0.3997749670)), u, f32x4.splat(0.6666677671));
  const fraction = madd(f32x4.mul(s, u), p, f32x4.add(s, s));
  let y = f32x4.add(madd(e, f32x4.splat(0.693359375), madd(e, f32x4.splat(-2.12194440e-4), fraction)), f32x4.splat(0));
  y = v128.bitselect(v, y, f32x4.eq(v, f32x4.splat(Infinity)));
  y = v128.bitselect(f32x4.splat(-Infinity), y, f32x4.eq(v, f32x4.splat(0)));
  const valid = f32x4.ge(v, f32x4.splat(0));
  return v128.bitselect(y, f32x4.splat(NaN), valid);
}

/** tanh: odd polynomial below 0.625, 1 − 2÷(e^2x + 1) above. */
// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const a = f32x4.abs(x);
  const u = f32x4.mul(x, x);
  let p = madd(u, f32x4.splat(-0.005717504023), f32x4.splat(0.02065105117));
  p = madd(p, u, f32x4.splat(-0.05374366314));
  p = madd(p, u, f32x4.splat(0.1333149368));
  p = madd(p, u, f32x4.splat(-0.3333328404));
  const small = madd(f32x4.mul(p, u), x, x);
  const e = exp4(f32x4.add(a, a));
  const large = f32x4.sub(one(), f32x4.div(f32x4.splat(2), f32x4.add(e, one())));
  const signed = v128.or(large, v128.and(x, i32x4.splat(0x80000000)));
  return v128.bitselect(small, signed, f32x4.lt(a, f32x4.splat(0.625)));
}

// @ts-ignore: decorator
@inline
export function sigmoid4(x: v128): v128 {
  return f32x4.div(one(), f32x4.add(one(), exp4(f32x4.neg(x))));
}

/** erf z ÷ z for |z| < 1, a polynomial in u = z². */
// @ts-ignore: decorator
@inline
function erfOverX(u: v128): v128 {
  let p = madd(u, f32x4.splat(-0.0005660156265), f32x4.splat(0.004924789769));
  p = madd(p, u, f32x4.splat(-0.02671770763));
  p = madd(p, u, f32x4.splat(0.1128041161));
  p = madd(p, u, f32x4.splat(-0.3761235568));
  return madd(p, u, f32x4.splat(1.128379129));
}

/** erfc z for z ≥ 1, given e^−z²: that times a polynomial in 1 ÷ (1 + 0.4 z). */
// @ts-ignore: decorator
@inline
function erfcTail(z: v128, e: v128): v128 {
  const t = f32x4.div(one(), madd(z, f32x4.splat(0.4), one()));
  let p = madd(t, f32x4.splat(-0.1188735308), f32x4.splat(0.2512879898));
  p = madd(p, t, f32x4.splat(-0.001114767677));
  p = madd(p, t, f32x4.splat(0.2191975786));
  p = madd(p, t, f32x4.splat(0.1964494193));
  p = madd(p, t, f32x4.splat(0.2272044499));
  p = madd(p, t, f32x4.splat(0.2255669626));
  p = madd(p, t, f32x4.splat(0.000002905464346));
  return f32x4.mul(p, e);
}

// @ts-ignore: decorator
@inline
export function erf4(x: v128): v128 {
  const a = f32x4.abs(x);
  const u = f32x4.mul(x, x);
  const small = f32x4.mul(x, erfOverX(u));
  // From 10 on erf is 1 in f32; a bound keeps Infinity·0 away.
  const bounded = f32x4.pmin(a, f32x4.splat(10));
  const large = f32x4.sub(one(), erfcTail(bounded, exp4(f32x4.neg(f32x4.mul(bounded, bounded)))));
  const signed = v128.or(large, v128.and(x, i32x4.splat(0x80000000)));
  return v128.bitselect(small, signed, f32x4.lt(a, one()));
}

/** 2·Φ(x), given h = x²/2 and e^−h; by erfc, so that the tail of negative x keeps its relative precision. */
// @ts-ignore: decorator
@inline
function doubleNormal4(x: v128, h: v128, e: v128): v128 {
  const z = f32x4.mul(f32x4.abs(x), f32x4.splat(0.7071067812));
  const signedZ = f32x4.mul(x, f32x4.splat(0.7071067812));
  const small = f32x4.add(one(), f32x4.mul(signedZ, erfOverX(h)));
  const tail = erfcTail(f32x4.pmin(z, f32x4.splat(15)), e);
  const large = v128.bitselect(f32x4.sub(f32x4.splat(2), tail), tail, f32x4.gt(x, f32x4.splat(0)));
  return v128.bitselect(small, large, f32x4.lt(z, one()));
}

// @ts-ignore: decorator
@inline
function halfSquare4(x: v128): v128 {
  return f32x4.mul(f32x4.mul(x, x), f32x4.splat(0.5));
}

/** e^−h. */
// @ts-ignore: decorator
@inline
function bell4(h: v128): v128 {
  return exp4(f32x4.neg(f32x4.pmin(h, f32x4.splat(200))));
}

/** x·Φ(x). */
// @ts-ignore: decorator
@inline
export function gelu4(x: v128): v128 {
  const h = halfSquare4(x);
  return f32x4.mul(f32x4.mul(x, f32x4.splat(0.5)), doubleNormal4(x, h, bell4(h)));
}

/** Φ(x) + x·φ(x). */
// @ts-ignore: decorator
@inline
export function geluSlope4(x: v128): v128 {
  const h = halfSquare4(x);
  const e = bell4(h);
  return madd(f32x4.mul(x, f32x4.splat(0.3989422804)), e, f32x4.mul(f32x4.splat(0.5), doubleNormal4(x, h, e)));
}

/** s + x·s·(1 − s)·1.5957691·(1 + 3·0.044715·x²) with s = σ(1.5957691 (x + 0.044715 x³)). */
// @ts-ignore: decorator
@inline
export function geluTanhSlope4(x: v128): v128 {
  // From 10 on s is 0 or 1 in f32; a bound keeps Infinity·0 away.
  const v = f32x4.pmax(f32x4.pmin(x, f32x4.splat(10)), f32x4.splat(-10));
  const square = f32x4.mul(v, v);
  const cubic = madd(f32x4.mul(v, f32x4.splat(0.044715)), square, v);
  const s = f32x4.div(one(), f32x4.add(one(), exp4(f32x4.mul(cubic, f32x4.splat(-1.595769122)))));
  const inner = madd(square, f32x4.splat(0.2140644488), f32x4.splat(1.595769122));
  return madd(f32x4.mul(f32x4.mul(v, s), f32x4.sub(one(), s)), inner, s);
}

/** s·(1 + x·(1 − s)) with s = σ(x). */
// @ts-ignore: decorator
@inline
export function siluSlope4(x: v128): v128 {
  const s = sigmoid4(x);
  return f32x4.mul(s, madd(x, f32x4.sub(one(), s), one()));
}

/** x·σ(1.5957691 (x + 0.044715 x³)): the tanh form of gelu, written as a sigmoid. */
// @ts-ignore: decorator
@inline
export function geluTanh4(x: v128): v128 {
  const cubic = madd(f32x4.mul(f32x4.mul(x, x), f32x4.splat(0.044715)), x, x);
  const e = exp4(f32x4.mul(cubic, f32x4.splat(-1.595769122)));
  return f32x4.div(x, f32x4.add(one(), e));
}

// @ts-ignore: decorator
@inline
export function silu4(x: v128): v128 {
  return f32x4.div(x, f32x4.add(one(), exp4(f32x4.neg(x))));
}
