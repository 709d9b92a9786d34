/** What linear kernels do to a block of y after its products are summed: bias, activation, residual, in this order. */
import { activate4, GELU, GELU_TANH, NONE, RELU, SILU } from "./activation";
import { loadTail, storeTail } from "./simd";

/**
 * y = act(y + bias) + residual over `rows` × `columns`, rows `stride` bytes apart in y and in residual.
 *
 * @param bias `columns` floats, or 0.
 * @param residual laid out as y, or 0.
 */
export function epilogue(y: usize, stride: usize, rows: i32, columns: i32, bias: usize, activation: i32, residual: usize): void {
  if (activation == RELU) finish(RELU, y, stride, rows, columns, bias, residual);
  else if (activation == GELU) finish(GELU, y, stride, rows, columns, bias, residual);
  else if (activation == GELU_TANH) finish(GELU_TANH, y, stride, rows, columns, bias, residual);
  else if (activation == SILU) finish(SILU, y, stride, rows, columns, bias, residual);
  else if (bias != 0 || residual != 0) finish(NONE, y, stride, rows, columns, bias, residual);
}

// @ts-ignore: decorator
@inline
function finish(activation: i32, y: usize, stride: usize, rows: i32, columns: i32, bias: usize, residual: usize): void {
  const whole = columns & ~3;
  const rest = columns & 3;
  for (let r = 0; r < rows; r++, y += stride) {
    const end = <usize>whole << 2;
    let offset: usize = 0;
    if (WIDE) {
      if (residual == 0) offset = bias == 0 ? pairs(activation, y, end, false, 0, false, 0) : pairs(activation, y, end, true, bias, false, 0);
      else offset = bias == 0 ? pairs(activation, y, end, false, 0, true, residual) : pairs(activation, y, end, true, bias, true, residual);
    }
    for (; offset < end; offset += 16) {
      let v = v128.load(y + offset);
      if (bias) v = f32x4.add(v, v128.load(bias + offset));
      v = activate4(v, activation);
      if (residual) v = f32x4.add(v, v128.load(residual + offset));
      v128.store(y + offset, v);
    }
    if (rest) {
      let v = loadTail(y + offset, rest);
      if (bias) v = f32x4.add(v, loadTail(bias + offset, rest));
      v = activate4(v, activation);
      if (residual) v = f32x4.add(v, loadTail(residual + offset, rest));
      storeTail(y + offset, v, rest);
    }
    if (residual) residual += stride;
  }
}

/** Two vectors of a row at a time; gives how far it came. What there is are constants where this is inlined: branches keep an engine from joining vectors. */
// @ts-ignore: decorator
@inline
function pairs(activation: i32, y: usize, end: usize, biased: bool, bias: usize, added: bool, residual: usize): usize {
  let offset: usize = 0;
  for (; offset + 32 <= end; offset += 32) {
    let v = v128.load(y + offset), w = v128.load(y + offset, 16);
    if (biased) {
      v = f32x4.add(v, v128.load(bias + offset));
      w = f32x4.add(w, v128.load(bias + offset, 16));
    }
    v = activate4(v, activation);
    w = activate4(w, activation);
    if (added) {
      v = f32x4.add(v, v128.load(residual + offset));
      w = f32x4.add(w, v128.load(residual + offset, 16));
    }
    v128.store(y + offset, v);
    v128.store(y + offset, w, 16);
  }
  return offset;
}
