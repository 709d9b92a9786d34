/**
 * Panels: activations of 8 tokens turned to `[width][8]`, so that a kept weight meets 8 tokens in two vectors and rows with
 * a power-of-two stride do not fight for the same cache lines. The width is padded with zeros to a multiple of 4, and so
 * are the tokens of the last panel to 8.
 */
import { storeTurned } from "../../../backend-wasm/kernels/assembly/lib/simd";

/** Bytes of one panel. */
// @ts-ignore: decorator
@inline
export function panelBytes(width: i32): usize {
  return <usize>((width + 3) & ~3) << 5;
}

/** Reads four rows of four floats `stride` bytes apart, writes their transpose `targetStride` bytes apart. */
// @ts-ignore: decorator
@inline
function turn(source: usize, stride: usize, target: usize, targetStride: usize): void {
  storeTurned(v128.load(source), v128.load(source + stride), v128.load(source + 2 * stride), v128.load(source + 3 * stride), target, targetStride);
}

/** x `[tokens, width]` → panels `[ceil(tokens / 8)][width padded to 4][8]`. */
export function f32_pack_8(x: usize, panels: usize, tokens: i32, width: i32): void {
  const stride = <usize>width << 2;
  const bytes = panelBytes(width);
  for (let token = 0; token < tokens; token += 8, panels += bytes) {
    const rows = x + <usize>token * stride;
    const count = min(8, tokens - token);
    let column = 0;
    if (count == 8) {
      for (; column + 4 <= width; column += 4) {
        const source = rows + (<usize>column << 2);
        const target = panels + (<usize>column << 5);
        turn(source, stride, target, 32);
        turn(source + 4 * stride, stride, target + 16, 32);
      }
    }
    packRest(rows, stride, panels, column, width, count);
  }
}

/** Columns `from` and on of one panel, float by float. */
function packRest(rows: usize, stride: usize, panel: usize, from: i32, width: i32, count: i32): void {
  const begin = panel + (<usize>from << 5);
  memory.fill(begin, 0, panel + panelBytes(width) - begin);
  for (let column = from; column < width; column++) {
    for (let token = 0; token < count; token++) {
      const value = load<f32>(rows + <usize>token * stride + (<usize>column << 2));
      store<f32>(panel + (<usize>column << 5) + (<usize>token << 2), value);
    }
  }
}

/** One panel back into `count` rows. */
export function unpack(panel: usize, rows: usize, width: i32, count: i32): void {
  const stride = <usize>width << 2;
  let column = 0;
  if (count == 8) {
    for (; column + 4 <= width; column += 4) {
      const source = panel + (<usize>column << 5);
      const target = rows + (<usize>column << 2);
      turn(source, 32, target, stride);
      turn(source + 16, 32, target + 4 * stride, stride);
    }
  }
  for (; column < width; column++) {
    for (let token = 0; token < count; token++) {
      const value = load<f32>(panel + (<usize>column << 5) + (<usize>token << 2));
      store<f32>(rows + <usize>token * stride + (<usize>column << 2), value);
    }
  }
}

/** Sums `[4][16]` of four outputs and two panels to `tokens` rows of y; 128 bytes after them are scratch. */
export function storePairTile(sums: usize, y: usize, stride: usize, tokens: i32, outputs: i32): void {
  const spare = sums + 256;
  for (let token = 0; token < tokens; token += 8, sums += 32, y += 8 * stride) {
    const whole = tokens - token >= 8 && outputs == 4;
    const target = whole ? y : spare;
    const step = whole ? stride : 16;
    turn(sums, 64, target, step);
    turn(sums + 16, 64, target + 4 * step, step);
    if (!whole) copyTile(spare, y, stride, min(8, tokens - token), outputs);
  }
}

/** Copies the upper left `count` × `width` floats of a tile `[8][4]`. */
export function copyTile(tile: usize, y: usize, stride: usize, count: i32, width: i32): void {
  for (let token = 0; token < count; token++, tile += 16, y += stride) {
    for (let column = 0; column < width; column++) store<f32>(y + (<usize>column << 2), load<f32>(tile + (<usize>column << 2)));
  }
}
