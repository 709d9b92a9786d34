/**
 * Linear layers over affine codes (`lib/affine.ts`). A weight is given by codes of `rowBytes` a row, scales and zero points of
 * `groups` a row; with 0 groups all rows share the first.
 * Rows of y and of residual are `yRow` bytes apart.
 */
import { dequantizeColumns, dotCodes } from "./lib/affine";
import { epilogue } from "./lib/epilogue";
import { multiplyPacked, packPanels } from "./lib/gemm";

/** y `[out, features]` */
export function f32_dequantize_affine(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  y: usize, out: i32,
): void {
  for (let o = 0; o < out; o++, y += <usize>features << 2) row(codes, rowBytes, scales, zeros, groups, bits, groupSize, o, 0, features, y);
}

/** y[i] = row ids[i] of `out`; an id outside gives NaN. */
export function f32_rows_affine(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  ids: usize, y: usize, count: i32, out: i32,
): void {
  const width = <usize>features << 2;
  for (let i = 0; i < count; i++, ids += 4, y += width) {
    const id = load<i32>(ids);
    if (<u32>id < <u32>out) row(codes, rowBytes, scales, zeros, groups, bits, groupSize, id, 0, features, y);
    else for (let j: usize = 0; j < width; j += 4) store<f32>(y + j, NaN);
  }
}

function row(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32,
  o: i32, begin: i32, end: i32, y: usize,
): void {
  const first = o * groups;
  dequantizeColumns(
    codes + <usize>o * rowBytes, bits, begin, end, scales + (<usize>first << 2), zeros == 0 ? 0 : zeros + first, groupSize, y,
  );
}

/** A few rows of x: every code is unpacked once per row. */
export function f32_linear_affine_1x1(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  x: usize, y: usize, yRow: usize, rows: i32, out: i32, bias: usize, activation: i32, residual: usize,
): void {
  for (let o = 0; o < out; o++) {
    const first = o * groups;
    const s = scales + (<usize>first << 2), z = zeros == 0 ? 0 : zeros + first;
    for (let r = 0; r < rows; r++) {
      const value = dotCodes(x + (<usize>(r * features) << 2), codes + <usize>o * rowBytes, bits, features, s, z, groupSize);
      store<f32>(y + r * yRow + (<usize>o << 2), value);
    }
  }
  epilogue(y, yRow, rows, out, bias, activation, residual);
}

/**
 * Many rows of x: they are packed into panels, and blocks of the weight are unpacked to floats that stay in the cache.
 * `scratch`: 128 bytes, `kBlock`·`pBlock` floats (x), `kBlock`·`sBlock` floats (weight).
 */
export function f32_linear_affine_4x8(
  codes: usize, rowBytes: i32, scales: usize, zeros: usize, groups: i32, bits: i32, groupSize: i32, features: i32,
  x: usize, y: usize, yRow: usize, rows: i32, out: i32, bias: usize, activation: i32, residual: usize,
  kBlock: i32, sBlock: i32, pBlock: i32, scratch: usize,
): void {
  const xRow = <usize>features << 2;
  const panels = scratch + 128;
  const weights = panels + (<usize>kBlock * pBlock << 2);
  for (let j = 0; j < rows; j += pBlock) {
    const tokens = min(pBlock, rows - j);
    for (let l = 0; l < features; l += kBlock) {
      const depth = min(kBlock, features - l);
      packPanels(tokens, depth, x + j * xRow + (<usize>l << 2), xRow, 4, panels);
      for (let i = 0; i < out; i += sBlock) {
        const count = min(sBlock, out - i);
        for (let o = 0; o < count; o++) {
          row(codes, rowBytes, scales, zeros, groups, bits, groupSize, i + o, l, l + depth, weights + (<usize>(o * depth) << 2));
        }
        const target = j * yRow + (<usize>i << 2);
        multiplyPacked(
          count, tokens, depth, weights, <usize>depth << 2, 4, panels, <usize>depth << 5, y + target, 4, yRow, l > 0, scratch,
        );
        if (l + depth < features) continue;
        epilogue(
          y + target, yRow, tokens, count, bias == 0 ? 0 : bias + (<usize>i << 2), activation, residual == 0 ? 0 : residual + target,
        );
      }
    }
  }
}
