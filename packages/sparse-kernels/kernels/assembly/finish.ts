/** What follows the sums, over a rectangle of the output that is still in the cache. */
import { activate4, GELU, GELU_TANH, NONE, RELU, SILU } from "../../../backend-wasm/kernels/assembly/lib/activation";
import { loadTail, storeTail } from "../../../backend-wasm/kernels/assembly/lib/simd";

/** y = act(y) + residual over `rows` × `width` floats, both `stride` bytes from row to row; residual 0: none. */
export function finish(y: usize, residual: usize, rows: i32, width: i32, stride: usize, activation: i32): void {
  if (activation == NONE) {
    if (residual != 0) sweep(y, residual, rows, width, stride, NONE);
  } else if (activation == RELU) sweep(y, residual, rows, width, stride, RELU);
  else if (activation == GELU) sweep(y, residual, rows, width, stride, GELU);
  else if (activation == GELU_TANH) sweep(y, residual, rows, width, stride, GELU_TANH);
  else sweep(y, residual, rows, width, stride, SILU);
}

// @ts-ignore: decorator
@inline
function sweep(y: usize, residual: usize, rows: i32, width: i32, stride: usize, activation: i32): void {
  for (let row = 0; row < rows; row++) {
    let at = y + <usize>row * stride;
    const end = at + (<usize>width << 2);
    const toResidual = residual - y;
    for (; at + 16 <= end; at += 16) {
      const v = activate4(v128.load(at), activation);
      v128.store(at, residual == 0 ? v : f32x4.add(v, v128.load(at + toResidual)));
    }
    const rest = <i32>(end - at) >> 2;
    if (rest > 0) {
      const v = activate4(loadTail(at, rest), activation);
      storeTail(at, residual == 0 ? v : f32x4.add(v, loadTail(at + toResidual, rest)), rest);
    }
  }
}
