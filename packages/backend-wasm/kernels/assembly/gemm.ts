import { epilogue } from "./lib/epilogue";
import { multiplyPacked, multiplySlivers } from "./lib/gemm";
import { normalise } from "./lib/norm";
import { packPanels, packSlivers, SLIVER } from "./lib/pack";
import { madd, loadTail, sumLanes } from "./lib/simd";

/** Up to so many rows of P, packing rows of S that lie along k takes longer than slivers save. */
// @ts-ignore: decorator
@inline
const FEW: i32 = ASC_FEATURE_RELAXED_SIMD ? 96 : 32;

/**
 * C = act(S·Pᵀ + bias) + residual, `batch` times; then rows of C that are complete are normalised (`lib/norm.ts`), where `norm` is not 0.
 *
 * S has `ms` rows and P `np` rows over `k`; element (i, k) lies at `base + i·row + k·step`, with row or step 4.
 * C's element (i, p) is at `c + i·cStream + p·cPanel`, one of the two 4: the one that is not is the stride of C's rows.
 * Blocks of `kBlock` × (`sBlock` rows of S, `pBlock` rows of P) are packed into `scratch`:
 * 384 bytes, then `kBlock`·`pBlock` floats, then `kBlock`·`sBlock` floats; `pBlock` is a multiple of 8, `sBlock` of 5.
 *
 * @param packed S in slivers over the whole of k (`f32_pack_slivers`), or 0.
 */
export function f32_gemm_5x8(
  batch: i32, ms: i32, np: i32, k: i32,
  s: usize, sRow: usize, sStep: usize, sBatch: usize,
  p: usize, pRow: usize, pStep: usize, pBatch: usize,
  c: usize, cStream: usize, cPanel: usize, cBatch: usize,
  kBlock: i32, sBlock: i32, pBlock: i32, scratch: usize, packed: usize,
  bias: usize, activation: i32, residual: usize, norm: usize,
): void {
  const panels = scratch + 384;
  const slivers = panels + (<usize>kBlock * pBlock << 2);
  for (let b = 0; b < batch; b++, s += sBatch, p += pBatch, c += cBatch) {
    for (let j = 0; j < np; j += pBlock) {
      const columns = min(pBlock, np - j);
      for (let l = 0; l < k; l += kBlock) {
        const depth = min(kBlock, k - l);
        packPanels(columns, depth, p + j * pRow + l * pStep, pRow, pStep, panels);
        for (let i = 0; i < ms; i += sBlock) {
          const rows = min(sBlock, ms - i);
          const target = c + i * cStream + j * cPanel;
          const source = s + i * sRow + l * sStep, panel = <usize>depth << 5;
          if (packed == 0 && sStep == 4 && columns <= FEW) {
            multiplyPacked(rows, columns, depth, source, sRow, 4, panels, panel, target, cStream, cPanel, l > 0, scratch);
          } else {
            if (!packed) packSlivers(rows, depth, source, sRow, sStep, slivers);
            const from = packed ? packed + (<usize>i * k << 2) + l * SLIVER : slivers;
            const stride = <usize>(packed ? k : depth) * SLIVER;
            multiplySlivers(rows, columns, depth, from, stride, panels, panel, target, cStream, cPanel, l > 0, scratch);
          }
          if (l + depth < k) continue;
          const rest = residual == 0 ? 0 : residual + (target - c);
          if (cPanel == 4) epilogue(target, cStream, rows, columns, bias == 0 ? 0 : bias + (<usize>j << 2), activation, rest);
          else epilogue(target, cPanel, columns, rows, bias == 0 ? 0 : bias + (<usize>i << 2), activation, rest);
        }
      }
      if (cPanel != 4) normalise(norm, c + j * cPanel, columns, ms);
    }
    if (cPanel == 4) normalise(norm, c, ms, np);
    if (residual) residual += cBatch;
  }
}

/** Rows of S, element (i, k) at `s + i·sRow + k·sStep`, as slivers over the whole of k: ⌈ms/5⌉·5·`k` floats. */
export function f32_pack_slivers(ms: i32, k: i32, s: usize, sRow: usize, sStep: usize, slivers: usize): void {
  packSlivers(ms, k, s, sRow, sStep, slivers);
}

/**
 * y = act(x·Wᵀ + bias) + residual for a few rows of x, W `[out, k]`: dot products over the weight as it lies, read in four streams that
 * are a quarter of it apart. Rows of y and of residual are `yRow` bytes apart. Then the norm, as above.
 */
export function f32_gemm_1x4(
  rows: i32, out: i32, k: i32, x: usize, w: usize, y: usize, yRow: usize, bias: usize, activation: i32, residual: usize,
  norm: usize,
): void {
  const stride = <usize>k << 2;
  const quarter = (out + 3) >> 2;
  for (let o = 0; o < quarter; o++) {
    // What lies past the last row is that row again.
    const o1 = min(o + quarter, out - 1), o2 = min(o + 2 * quarter, out - 1), o3 = min(o + 3 * quarter, out - 1);
    for (let r = 0; r < rows; r++) {
      dots(x + r * stride, w + o * stride, w + o1 * stride, w + o2 * stride, w + o3 * stride, k, y + r * yRow, o, o1, o2, o3);
    }
  }
  epilogue(y, yRow, rows, out, bias, activation, residual);
  normalise(norm, y, rows, out);
}

// @ts-ignore: decorator
@inline
function dots(
  x: usize, w0: usize, w1: usize, w2: usize, w3: usize, k: i32, y: usize, o0: i32, o1: i32, o2: i32, o3: i32,
): void {
  let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0), b1 = f32x4.splat(0), b2 = f32x4.splat(0), b3 = f32x4.splat(0);
  const end = x + (<usize>(k & ~7) << 2);
  while (x < end) {
    const u = v128.load(x), v = v128.load(x, 16);
    a0 = madd(u, v128.load(w0), a0);
    a1 = madd(u, v128.load(w1), a1);
    a2 = madd(u, v128.load(w2), a2);
    a3 = madd(u, v128.load(w3), a3);
    b0 = madd(v, v128.load(w0, 16), b0);
    b1 = madd(v, v128.load(w1, 16), b1);
    b2 = madd(v, v128.load(w2, 16), b2);
    b3 = madd(v, v128.load(w3, 16), b3);
    x += 32;
    w0 += 32;
    w1 += 32;
    w2 += 32;
    w3 += 32;
  }
  if (k & 4) {
    const u = v128.load(x);
    a0 = madd(u, v128.load(w0), a0);
    a1 = madd(u, v128.load(w1), a1);
    a2 = madd(u, v128.load(w2), a2);
    a3 = madd(u, v128.load(w3), a3);
    x += 16;
    w0 += 16;
    w1 += 16;
    w2 += 16;
    w3 += 16;
  }
  const rest = k & 3;
  if (rest) {
    const u = loadTail(x, rest);
    b0 = madd(u, loadTail(w0, rest), b0);
    b1 = madd(u, loadTail(w1, rest), b1);
    b2 = madd(u, loadTail(w2, rest), b2);
    b3 = madd(u, loadTail(w3, rest), b3);
  }
  store<f32>(y + (<usize>o3 << 2), sumLanes(f32x4.add(a3, b3)));
  store<f32>(y + (<usize>o2 << 2), sumLanes(f32x4.add(a2, b2)));
  store<f32>(y + (<usize>o1 << 2), sumLanes(f32x4.add(a1, b1)));
  store<f32>(y + (<usize>o0 << 2), sumLanes(f32x4.add(a0, b0)));
}
