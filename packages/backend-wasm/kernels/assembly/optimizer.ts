/** Parameter updates in place. Coefficients are read at run time from `hyper`. */
import { loadTail, madd, nmadd, storeTail } from "./lib/simd";

/** Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2; hyper as in the op adamw. */
export function f32_adamw(parameter: usize, gradient: usize, m: usize, v: usize, n: i32, hyper: usize): void {
  const rate = load<f32>(hyper);
  const keep = f32x4.splat(1 - rate * load<f32>(hyper, 16));
  const beta1 = f32x4.splat(load<f32>(hyper, 4)), rest1 = f32x4.splat(1 - load<f32>(hyper, 4));
  const beta2 = f32x4.splat(load<f32>(hyper, 8)), rest2 = f32x4.splat(1 - load<f32>(hyper, 8));
  const epsilon = f32x4.splat(load<f32>(hyper, 12));
  const step = f32x4.splat(rate / load<f32>(hyper, 20));
  const inverse2 = f32x4.splat(1 / load<f32>(hyper, 24));
  const scale = f32x4.splat(load<f32>(hyper, 28));
  const end = <usize>(n & ~3) << 2;
  let o: usize = 0;
  if (WIDE) {
    for (; o + 32 <= end; o += 32) {
      const g = f32x4.mul(v128.load(gradient + o), scale), h = f32x4.mul(v128.load(gradient + o, 16), scale);
      const first = madd(rest1, g, f32x4.mul(beta1, v128.load(m + o))), next = madd(rest1, h, f32x4.mul(beta1, v128.load(m + o, 16)));
      const second = madd(f32x4.mul(rest2, g), g, f32x4.mul(beta2, v128.load(v + o)));
      const other = madd(f32x4.mul(rest2, h), h, f32x4.mul(beta2, v128.load(v + o, 16)));
      const change = f32x4.div(f32x4.mul(step, first), f32x4.add(f32x4.sqrt(f32x4.mul(second, inverse2)), epsilon));
      const move = f32x4.div(f32x4.mul(step, next), f32x4.add(f32x4.sqrt(f32x4.mul(other, inverse2)), epsilon));
      const a = f32x4.sub(f32x4.mul(v128.load(parameter + o), keep), change);
      const b = f32x4.sub(f32x4.mul(v128.load(parameter + o, 16), keep), move);
      v128.store(m + o, first);
      v128.store(m + o, next, 16);
      v128.store(v + o, second);
      v128.store(v + o, other, 16);
      v128.store(parameter + o, a);
      v128.store(parameter + o, b, 16);
    }
  }
  for (; o < end; o += 16) {
    const g = f32x4.mul(v128.load(gradient + o), scale);
    const first = madd(rest1, g, f32x4.mul(beta1, v128.load(m + o)));
    const second = madd(f32x4.mul(rest2, g), g, f32x4.mul(beta2, v128.load(v + o)));
    v128.store(m + o, first);
    v128.store(v + o, second);
    const change = f32x4.div(f32x4.mul(step, first), f32x4.add(f32x4.sqrt(f32x4.mul(second, inverse2)), epsilon));
    v128.store(parameter + o, f32x4.sub(f32x4.mul(v128.load(parameter + o), keep), change));
  }
  const rest = n & 3;
  if (rest) {
    const g = f32x4.mul(loadTail(gradient + o, rest), scale);
    const first = madd(rest1, g, f32x4.mul(beta1, loadTail(m + o, rest)));
    const second = madd(f32x4.mul(rest2, g), g, f32x4.mul(beta2, loadTail(v + o, rest)));
    storeTail(m + o, first, rest);
    storeTail(v + o, second, rest);
    const change = f32x4.div(f32x4.mul(step, first), f32x4.add(f32x4.sqrt(f32x4.mul(second, inverse2)), epsilon));
    storeTail(parameter + o, f32x4.sub(f32x4.mul(loadTail(parameter + o, rest), keep), change), rest);
  }
}

/** velocity ← momentum·velocity + scale·gradient + decay·parameter, parameter ← parameter − rate·velocity. */
export function f32_sgd(parameter: usize, gradient: usize, velocity: usize, n: i32, hyper: usize): void {
  const rate = f32x4.splat(load<f32>(hyper)), momentum = f32x4.splat(load<f32>(hyper, 4));
  const decay = f32x4.splat(load<f32>(hyper, 8)), scale = f32x4.splat(load<f32>(hyper, 12));
  let o: usize = 0;
  for (const end = <usize>(n & ~3) << 2; o < end; o += 16) {
    const p = v128.load(parameter + o);
    const v = madd(decay, p, madd(scale, v128.load(gradient + o), f32x4.mul(momentum, v128.load(velocity + o))));
    v128.store(velocity + o, v);
    v128.store(parameter + o, nmadd(rate, v, p));
  }
  const rest = n & 3;
  if (rest) {
    const p = loadTail(parameter + o, rest);
    const v = madd(decay, p, madd(scale, loadTail(gradient + o, rest), f32x4.mul(momentum, loadTail(velocity + o, rest))));
    storeTail(velocity + o, v, rest);
    storeTail(parameter + o, nmadd(rate, v, p), rest);
  }
}
