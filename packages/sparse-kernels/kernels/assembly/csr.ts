/**
 * Linear layers over compressed sparse rows: each kept weight meets the 8 tokens of a panel. All work on the rows `[begin, end)`, or on
 * the panels they are given, so that threads share the rest; a range begins at a multiple of 4.
 */
import { epilogue } from "../../../backend-wasm/kernels/assembly/lib/epilogue";
import { normalise } from "../../../backend-wasm/kernels/assembly/lib/norm";
import { madd, sumLanes, storeTurned } from "../../../backend-wasm/kernels/assembly/lib/simd";
import { copyTile, panelBytes, storePairTile, unpack } from "./panels";

/** Entries whose values and columns (8 bytes each) stay in the second-level cache while all panels pass. */
const CHUNK: i32 = 16384;

/**
 * y `[tokens, out]` = act(x·Wᵀ + bias) + residual, x as panels.
 *
 * @param tile 384 bytes of scratch. @param bias 0: none. @param residual 0: none.
 * @param norm applied to rows of y that are complete (`lib/norm.ts` of the device); 0: none.
 */
export function f32_linear_csr_1x8(
  panels: usize, values: usize, columns: usize, starts: usize, bias: usize, residual: usize, norm: usize, y: usize,
  tile: usize, tokens: i32, features: i32, out: i32, activation: i32, begin: i32, end: i32,
): void {
  const stride = <usize>out << 2;
  const bytes = panelBytes(features);
  for (let first = begin, last = begin; first < end; first = last) {
    const limit = rowStart(starts, first) + CHUNK;
    do { last = min(last + 4, end); } while (last < end && rowStart(starts, min(last + 4, end)) <= limit);
    let token = 0;
    if (WIDE) {
      for (; token + 8 < tokens; token += 16) {
        const count = min(16, tokens - token);
        const panel = panels + (<usize>token >> 3) * bytes;
        const rows = <usize>token * stride + (<usize>first << 2);
        for (let row = first; row < last; row += 4) {
          const outputs = min(4, out - row);
          for (let output = 0; output < outputs; output++) {
            csrOfPair(panel, panel + bytes, values, columns, starts, bias, row + output, tile + (<usize>output << 6));
          }
          storePairTile(tile, y + <usize>token * stride + (<usize>row << 2), stride, count, outputs);
        }
        epilogue(y + rows, stride, count, last - first, 0, activation, residual == 0 ? 0 : residual + rows);
        if (last == end) normalise(norm, y + <usize>token * stride, count, out);
      }
    }
    for (; token < tokens; token += 8) {
      const count = min(8, tokens - token);
      const panel = panels + (<usize>token >> 3) * bytes;
      const rows = <usize>token * stride + (<usize>first << 2);
      for (let row = first; row < last; row += 4) {
        const outputs = min(4, out - row);
        for (let output = 0; output < outputs; output++) {
          csrTile(panel, values, columns, starts, bias, row + output, tile + (<usize>output << 5));
        }
        const whole = count == 8 && outputs == 4;
        const target = y + <usize>token * stride + (<usize>row << 2);
        const turned = whole ? target : tile + 128;
        const turnedStride = whole ? stride : 16;
        turn(tile, turned, turnedStride);
        turn(tile + 16, turned + 4 * turnedStride, turnedStride);
        if (!whole) copyTile(turned, target, stride, count, outputs);
      }
      epilogue(y + rows, stride, count, last - first, 0, activation, residual == 0 ? 0 : residual + rows);
      if (last == end) normalise(norm, y + <usize>token * stride, count, out);
    }
  }
}

/** As `csrTile`, over two panels: 16 tokens. */
function csrOfPair(panel: usize, other: usize, values: usize, columns: usize, starts: usize, bias: usize, row: i32, target: usize): void {
  const begin = <usize>rowStart(starts, row) << 2;
  const end = columns + (<usize>rowStart(starts, row + 1) << 2);
  let column = columns + begin;
  let value = values + begin;
  const zero = f32x4.splat(0);
  let a0 = bias == 0 ? zero : v128.load32_splat(bias + (<usize>row << 2));
  let a1 = a0, a2 = a0, a3 = a0, b0 = zero, b1 = zero, b2 = zero, b3 = zero;
  let c0 = zero, c1 = zero, c2 = zero, c3 = zero, d0 = zero, d1 = zero, d2 = zero, d3 = zero;
  for (; column + 16 <= end; column += 16, value += 16) {
    let at = <usize>load<u32>(column) << 5;
    let w = v128.load32_splat(value);
    a0 = madd(w, v128.load(panel + at), a0); a1 = madd(w, v128.load(panel + at, 16), a1);
    a2 = madd(w, v128.load(other + at), a2); a3 = madd(w, v128.load(other + at, 16), a3);
    at = <usize>load<u32>(column, 4) << 5;
    w = v128.load32_splat(value, 4);
    b0 = madd(w, v128.load(panel + at), b0); b1 = madd(w, v128.load(panel + at, 16), b1);
    b2 = madd(w, v128.load(other + at), b2); b3 = madd(w, v128.load(other + at, 16), b3);
    at = <usize>load<u32>(column, 8) << 5;
    w = v128.load32_splat(value, 8);
    c0 = madd(w, v128.load(panel + at), c0); c1 = madd(w, v128.load(panel + at, 16), c1);
    c2 = madd(w, v128.load(other + at), c2); c3 = madd(w, v128.load(other + at, 16), c3);
    at = <usize>load<u32>(column, 12) << 5;
    w = v128.load32_splat(value, 12);
    d0 = madd(w, v128.load(panel + at), d0); d1 = madd(w, v128.load(panel + at, 16), d1);
    d2 = madd(w, v128.load(other + at), d2); d3 = madd(w, v128.load(other + at, 16), d3);
  }
  for (; column < end; column += 4, value += 4) {
    const at = <usize>load<u32>(column) << 5;
    const w = v128.load32_splat(value);
    a0 = madd(w, v128.load(panel + at), a0); a1 = madd(w, v128.load(panel + at, 16), a1);
    a2 = madd(w, v128.load(other + at), a2); a3 = madd(w, v128.load(other + at, 16), a3);
  }
  v128.store(target, f32x4.add(f32x4.add(a0, b0), f32x4.add(c0, d0)));
  v128.store(target, f32x4.add(f32x4.add(a1, b1), f32x4.add(c1, d1)), 16);
  v128.store(target, f32x4.add(f32x4.add(a2, b2), f32x4.add(c2, d2)), 32);
  v128.store(target, f32x4.add(f32x4.add(a3, b3), f32x4.add(c3, d3)), 48);
}

/** One output of 8 tokens; four entries at a time, so that sums need not wait for each other. */
// @ts-ignore: decorator
@inline
function csrTile(panel: usize, values: usize, columns: usize, starts: usize, bias: usize, row: i32, target: usize): void {
  const begin = <usize>rowStart(starts, row) << 2;
  const end = columns + (<usize>rowStart(starts, row + 1) << 2);
  let column = columns + begin;
  let value = values + begin;
  const zero = f32x4.splat(0);
  let a0 = bias == 0 ? zero : v128.load32_splat(bias + (<usize>row << 2));
  let a1 = a0, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
  for (; column + 16 <= end; column += 16, value += 16) {
    let x = panel + (<usize>load<u32>(column) << 5);
    let w = v128.load32_splat(value);
    a0 = madd(w, v128.load(x), a0); a1 = madd(w, v128.load(x, 16), a1);
    x = panel + (<usize>load<u32>(column, 4) << 5);
    w = v128.load32_splat(value, 4);
    b0 = madd(w, v128.load(x), b0); b1 = madd(w, v128.load(x, 16), b1);
    x = panel + (<usize>load<u32>(column, 8) << 5);
    w = v128.load32_splat(value, 8);
    c0 = madd(w, v128.load(x), c0); c1 = madd(w, v128.load(x, 16), c1);
    x = panel + (<usize>load<u32>(column, 12) << 5);
    w = v128.load32_splat(value, 12);
    d0 = madd(w, v128.load(x), d0); d1 = madd(w, v128.load(x, 16), d1);
  }
  for (; column < end; column += 4, value += 4) {
    const x = panel + (<usize>load<u32>(column) << 5);
    const w = v128.load32_splat(value);
    a0 = madd(w, v128.load(x), a0); a1 = madd(w, v128.load(x, 16), a1);
  }
  v128.store(target, f32x4.add(f32x4.add(a0, b0), f32x4.add(c0, d0)));
  v128.store(target, f32x4.add(f32x4.add(a1, b1), f32x4.add(c1, d1)), 16);
}

/** One token: y `[out]` = act(W·x + bias) + residual, then the norm. */
export function f32_linear_csr_1x1(
  x: usize, values: usize, columns: usize, starts: usize, bias: usize, residual: usize, norm: usize, y: usize,
  activation: i32, first: i32, last: i32,
): void {
  for (let row = first; row < last; row++) {
    const begin = <usize>rowStart(starts, row) << 2;
    const end = columns + (<usize>rowStart(starts, row + 1) << 2);
    let column = columns + begin;
    let value = values + begin;
    let s0: f32 = bias == 0 ? 0 : load<f32>(bias + (<usize>row << 2));
    let s1: f32 = 0, s2: f32 = 0, s3: f32 = 0;
    for (; column + 16 <= end; column += 16, value += 16) {
      s0 += load<f32>(value) * at(x, load<u32>(column));
      s1 += load<f32>(value, 4) * at(x, load<u32>(column, 4));
      s2 += load<f32>(value, 8) * at(x, load<u32>(column, 8));
      s3 += load<f32>(value, 12) * at(x, load<u32>(column, 12));
    }
    for (; column < end; column += 4, value += 4) s0 += load<f32>(value) * at(x, load<u32>(column));
    store<f32>(y + (<usize>row << 2), (s0 + s1) + (s2 + s3));
  }
  const place = <usize>first << 2;
  epilogue(y + place, 0, 1, last - first, 0, activation, residual == 0 ? 0 : residual + place);
  normalise(norm, y, 1, last);
}

/**
 * x `[tokens, features]` = grad·W, grad as panels.
 *
 * @param sums one panel of scratch.
 */
export function f32_linear_csr_input_gradient_1x8(
  panels: usize, values: usize, columns: usize, starts: usize, x: usize, sums: usize, tokens: i32, features: i32, out: i32,
): void {
  const bytes = panelBytes(out);
  for (let token = 0; token < tokens; token += 8, panels += bytes) {
    memory.fill(sums, 0, panelBytes(features));
    let value = values;
    for (let row = 0; row < out; row++) {
      const grad = panels + (<usize>row << 5);
      const g0 = v128.load(grad), g1 = v128.load(grad, 16);
      const end = columns + (<usize>rowStart(starts, row + 1) << 2);
      for (let column = columns + (<usize>rowStart(starts, row) << 2); column < end; column += 4, value += 4) {
        const sum = sums + (<usize>load<u32>(column) << 5);
        const w = v128.load32_splat(value);
        v128.store(sum, madd(w, g0, v128.load(sum)));
        v128.store(sum, madd(w, g1, v128.load(sum, 16)), 16);
      }
    }
    unpack(sums, x + (<usize>token * <usize>features << 2), features, min(8, tokens - token));
  }
}

/** gradient `[n]` = gradᵀ·x at the kept places, grad and x as panels. */
export function f32_linear_csr_values_gradient_1x8(
  gradPanels: usize, panels: usize, columns: usize, starts: usize, gradient: usize, tokens: i32, features: i32, out: i32,
  begin: i32, end: i32,
): void {
  const gradBytes = panelBytes(out);
  const bytes = panelBytes(features);
  const first = gradient + (<usize>rowStart(starts, begin) << 2);
  memory.fill(first, 0, <usize>(rowStart(starts, end) - rowStart(starts, begin)) << 2);
  for (let token = 0; token < tokens; token += 8, panels += bytes, gradPanels += gradBytes) {
    let target = first;
    for (let row = begin; row < end; row++) {
      const grad = gradPanels + (<usize>row << 5);
      const g0 = v128.load(grad), g1 = v128.load(grad, 16);
      const end = columns + (<usize>rowStart(starts, row + 1) << 2);
      for (let column = columns + (<usize>rowStart(starts, row) << 2); column < end; column += 4, target += 4) {
        const x = panels + (<usize>load<u32>(column) << 5);
        const products = madd(g1, v128.load(x, 16), f32x4.mul(g0, v128.load(x)));
        store<f32>(target, load<f32>(target) + sumLanes(products));
      }
    }
  }
}

/** A tile `[4][8]`, from its first or its fifth column, as four rows of four. */
// @ts-ignore: decorator
@inline
function turn(tile: usize, target: usize, stride: usize): void {
  storeTurned(v128.load(tile), v128.load(tile, 32), v128.load(tile, 64), v128.load(tile, 96), target, stride);
}

// @ts-ignore: decorator
@inline
function rowStart(starts: usize, row: i32): i32 {
  return load<i32>(starts + (<usize>row << 2));
}

// @ts-ignore: decorator
@inline
function at(x: usize, column: u32): f32 {
  return load<f32>(x + (<usize>column << 2));
}
