/**
 * Functions of one number, good to a few units in the last place on every adapter: WGSL's own exp, log, tanh and sine may be
 * off by far more, and by other amounts from adapter to adapter. Polynomials after Moshier, "Methods and programs for mathematical
 * functions" (1989), single precision. NaN comes through: whether a number is one is read from its bits, which no optimiser assumes away.
 */
import type { Activation } from "@pare/tensor-core";

const BASE = `
fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn infinity() -> f32 { var bits = 0x7f800000u; return bitcast<f32>(bits); }
fn not_a_number() -> f32 { var bits = 0x7fc00000u; return bitcast<f32>(bits); }`;

const EXP = `
fn two_to(n: i32) -> f32 { return bitcast<f32>(u32(n + 127) << 23u); }
fn exp_of(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let bounded = clamp(x, -104.0, 89.0);
  let n = round(bounded * 1.44269504088896341);
  let r = fma(n, 2.12194440e-4, fma(n, -0.693359375, bounded));
  var y = fma(1.9875691500e-4, r, 1.3981999507e-3);
  y = fma(y, r, 8.3334519073e-3);
  y = fma(y, r, 4.1665795894e-2);
  y = fma(y, r, 1.6666665459e-1);
  y = fma(y, r, 5.0000001201e-1);
  y = fma(y, r * r, r) + 1.0;
  let half = i32(n) >> 1u;
  return y * two_to(half) * two_to(i32(n) - half);
}`;

/** The same four times, of numbers that are no NaN. */
const EXP4 = `
fn exp_of4(x: vec4<f32>) -> vec4<f32> {
  let bounded = clamp(x, vec4(-104.0), vec4(89.0));
  let n = round(bounded * 1.44269504088896341);
  let r = fma(n, vec4(2.12194440e-4), fma(n, vec4(-0.693359375), bounded));
  var y = fma(vec4(1.9875691500e-4), r, vec4(1.3981999507e-3));
  y = fma(y, r, vec4(8.3334519073e-3));
  y = fma(y, r, vec4(4.1665795894e-2));
  y = fma(y, r, vec4(1.6666665459e-1));
  y = fma(y, r, vec4(5.0000001201e-1));
  y = fma(y, r * r, r) + 1.0;
  let half = vec4<i32>(n) >> vec4(1u);
  let rest = vec4<i32>(n) - half;
  return y * bitcast<vec4<f32>>(vec4<u32>(half + 127) << vec4(23u)) * bitcast<vec4<f32>>(vec4<u32>(rest + 127) << vec4(23u));
}`;

const LOG = `
fn log_of(x: f32) -> f32 {
  if (is_nan(x) || x < 0.0) { return not_a_number(); }
  if (x == 0.0) { return -infinity(); }
  if (bitcast<u32>(x) == 0x7f800000u) { return x; }
  let tiny = x < 1.1754944e-38;
  let bits = bitcast<u32>(select(x, x * 8388608.0, tiny));
  var e = f32(i32(bits >> 23u) - 126 - select(0, 23, tiny));
  var m = bitcast<f32>((bits & 0x007fffffu) | 0x3f000000u);
  if (m < 0.707106781) { e -= 1.0; m += m; }
  m -= 1.0;
  let z = m * m;
  var y = fma(7.0376836292e-2, m, -1.1514610310e-1);
  y = fma(y, m, 1.1676998740e-1);
  y = fma(y, m, -1.2420140846e-1);
  y = fma(y, m, 1.4249322787e-1);
  y = fma(y, m, -1.6668057665e-1);
  y = fma(y, m, 2.0000714765e-1);
  y = fma(y, m, -2.4999993993e-1);
  y = fma(y, m, 3.3333331174e-1) * m * z;
  y = fma(-0.5, z, fma(-2.12194440e-4, e, y));
  return fma(0.693359375, e, m + y);
}`;

const SIGMOID = `
fn sigmoid_of(x: f32) -> f32 {
  let e = exp_of(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}`;

const TANH = `
fn tanh_of(x: f32) -> f32 {
  let size = abs(x);
  if (size < 0.625) {
    let z = x * x;
    var y = fma(-5.70498872745e-3, z, 2.06390887954e-2);
    y = fma(y, z, -5.37397155531e-2);
    y = fma(y, z, 1.33314422036e-1);
    y = fma(y, z, -3.33332819422e-1);
    return fma(y * z, x, x);
  }
  let rest = 2.0 / (exp_of(2.0 * size) + 1.0);
  return select(1.0 - rest, rest - 1.0, x < 0.0);
}`;

/** Past 1 by Abramowitz and Stegun 7.1.26, good to 1.5·10⁻⁷. */
const ERF = `
fn erf_of(x: f32) -> f32 {
  let size = abs(x);
  if (size < 1.0) {
    let z = x * x;
    var y = fma(7.853861353153693e-5, z, -8.010193625184903e-4);
    y = fma(y, z, 5.188327685732524e-3);
    y = fma(y, z, -2.685381193529856e-2);
    y = fma(y, z, 1.128358514861418e-1);
    y = fma(y, z, -3.761262582423300e-1);
    y = fma(y, z, 1.128379165726710);
    return x * y;
  }
  let t = 1.0 / fma(0.3275911, size, 1.0);
  var y = fma(1.061405429, t, -1.453152027);
  y = fma(y, t, 1.421413741);
  y = fma(y, t, -0.284496736);
  y = fma(y, t, 0.254829592) * t * exp_of(-size * size);
  return select(1.0 - y, y - 1.0, x < 0.0);
}`;

/** Everything above: what a shader does not call costs it nothing. */
export const MATH: string = BASE + EXP + EXP4 + LOG + SIGMOID + TANH + ERF;

const ACTIVATE: Readonly<Record<Activation, string>> = {
  none: "x",
  // Not max(x, 0), which may lose a NaN.
  relu: "select(x, 0.0, x < 0.0)",
  gelu: "0.5 * x * (1.0 + erf_of(x * 0.70710678118654752))",
  "gelu-tanh": "0.5 * x * (1.0 + tanh_of(0.7978845608028654 * fma(0.044715 * x * x, x, x)))",
  silu: "x * sigmoid_of(x)",
};

/** `x` under an activation; all but "none" and "relu" need {@link MATH}. */
export function activated(activation: Activation): string {
  return ACTIVATE[activation];
}
