import { sigmoid4, silu4 } from "./lib/math";
import { loadTail, madd, storeTail } from "./lib/simd";

/** y = silu(gate)·up; y may be either. */
export function f32_silu_mul(gate: usize, up: usize, y: usize, n: i32): void {
  const end = <usize>(n & ~3) << 2;
  let o: usize = 0;
  if (WIDE) {
    for (; o + 32 <= end; o += 32) {
      const a = f32x4.mul(silu4(v128.load(gate + o)), v128.load(up + o)), b = f32x4.mul(silu4(v128.load(gate + o, 16)), v128.load(up + o, 16));
      v128.store(y + o, a);
      v128.store(y + o, b, 16);
    }
  }
  for (; o < end; o += 16) v128.store(y + o, f32x4.mul(silu4(v128.load(gate + o)), v128.load(up + o)));
  const rest = n & 3;
  if (rest) storeTail(y + o, f32x4.mul(silu4(loadTail(gate + o, rest)), loadTail(up + o, rest)), rest);
}

/** With s = σ(gate): toGate = grad·up·s·(1 + gate·(1 − s)), toUp = grad·gate·s. */
export function f32_silu_mul_gradient(grad: usize, gate: usize, up: usize, toGate: usize, toUp: usize, n: i32): void {
  const end = <usize>(n & ~3) << 2;
  let o: usize = 0;
  if (WIDE) {
    for (; o + 32 <= end; o += 32) {
      const d = v128.load(grad + o), e = v128.load(grad + o, 16), g = v128.load(gate + o), h = v128.load(gate + o, 16);
      const s = sigmoid4(g), t = sigmoid4(h);
      const a = slope(d, g, v128.load(up + o), s), b = slope(e, h, v128.load(up + o, 16), t);
      v128.store(toGate + o, a);
      v128.store(toGate + o, b, 16);
      v128.store(toUp + o, f32x4.mul(f32x4.mul(d, g), s));
      v128.store(toUp + o, f32x4.mul(f32x4.mul(e, h), t), 16);
    }
  }
  for (; o < end; o += 16) {
    const d = v128.load(grad + o), g = v128.load(gate + o);
    const s = sigmoid4(g);
    v128.store(toGate + o, slope(d, g, v128.load(up + o), s));
    v128.store(toUp + o, f32x4.mul(f32x4.mul(d, g), s));
  }
  const rest = n & 3;
  if (rest) {
    const d = loadTail(grad + o, rest), g = loadTail(gate + o, rest);
    const s = sigmoid4(g);
    storeTail(toGate + o, slope(d, g, loadTail(up + o, rest), s), rest);
    storeTail(toUp + o, f32x4.mul(f32x4.mul(d, g), s), rest);
  }
}

// @ts-ignore: decorator
@inline
function slope(d: v128, g: v128, up: v128, s: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.mul(f32x4.mul(f32x4.mul(d, up), s), madd(g, f32x4.sub(one, s), one));
}
