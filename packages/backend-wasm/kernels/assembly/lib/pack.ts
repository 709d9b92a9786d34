/** How the operands of a product are laid out for its tiles (`gemm.ts`): panels of eight rows, slivers of five. */
import { storeTurned } from "./simd";

/** Rows of a panel. */
// @ts-ignore: decorator
@inline
export const WIDTH: i32 = 8;
/** Rows of a sliver: ten accumulators, two loads and a broadcast fit the fifteen registers that V8 gives, also where it needs one for the product. */
// @ts-ignore: decorator
@inline
export const HEIGHT: i32 = 5;
/** Bytes of one k of a sliver. */
// @ts-ignore: decorator
@inline
export const SLIVER: usize = 20;

/** Packs `count` rows of the stream over `k`, element (i, k) at `s + i·sRow + k·sStep`, into ⌈count/5⌉ slivers; what is missing in the last is the last row again. */
export function packSlivers(count: i32, k: i32, s: usize, sRow: usize, sStep: usize, slivers: usize): void {
  for (let i = 0; i < count; i += HEIGHT, s += HEIGHT * sRow, slivers += <usize>k * SLIVER) {
    const rows = count - i;
    if (sStep == 4) {
      const r1 = rows > 1 ? s + sRow : s, r2 = rows > 2 ? r1 + sRow : r1, r3 = rows > 3 ? r2 + sRow : r2;
      packSliver(s, r1, r2, r3, rows > 4 ? r3 + sRow : r3, k, slivers);
    } else packSliverAcross(s, sStep, rows, k, slivers);
  }
}

// @ts-ignore: decorator
@inline
function packSliver(r0: usize, r1: usize, r2: usize, r3: usize, r4: usize, k: i32, sliver: usize): void {
  let offset: usize = 0;
  const end = <usize>(k & ~3) << 2;
  for (; offset < end; offset += 16, sliver += 80) {
    packQuad(r0 + offset, r1 + offset, r2 + offset, r3 + offset, sliver, 20);
    const v = v128.load(r4 + offset);
    v128.store_lane<f32>(sliver, v, 0, 16);
    v128.store_lane<f32>(sliver, v, 1, 36);
    v128.store_lane<f32>(sliver, v, 2, 56);
    v128.store_lane<f32>(sliver, v, 3, 76);
  }
  for (let i = k & 3; i > 0; i--, offset += 4, sliver += 20) {
    store<f32>(sliver, load<f32>(r0 + offset));
    store<f32>(sliver, load<f32>(r1 + offset), 4);
    store<f32>(sliver, load<f32>(r2 + offset), 8);
    store<f32>(sliver, load<f32>(r3 + offset), 12);
    store<f32>(sliver, load<f32>(r4 + offset), 16);
  }
}

/** Rows lie beside each other. */
// @ts-ignore: decorator
@inline
function packSliverAcross(s: usize, sStep: usize, rows: i32, k: i32, sliver: usize): void {
  const end = sliver + <usize>k * SLIVER;
  if (rows >= HEIGHT) {
    for (; sliver < end; sliver += 20, s += sStep) {
      v128.store(sliver, v128.load(s));
      store<f32>(sliver, load<f32>(s, 16), 16);
    }
  } else {
    for (; sliver < end; sliver += 20, s += sStep) {
      for (let i = 0; i < HEIGHT; i++) store<f32>(sliver + (<usize>i << 2), load<f32>(s + (<usize>min(i, rows - 1) << 2)));
    }
  }
}

/** Packs rows `[0, count)` of `source` (k contiguous, `row` bytes apart) into one panel of 8; missing rows are zero. */
function packRows(source: usize, row: usize, count: i32, k: i32, panel: usize): void {
  if (count < WIDTH) {
    packFewRows(source, row, count, k, panel);
    return;
  }
  const r1 = source + row, r2 = r1 + row, r3 = r2 + row, r4 = r3 + row, r5 = r4 + row, r6 = r5 + row, r7 = r6 + row;
  const whole = k & ~3;
  let offset: usize = 0;
  const end = <usize>whole << 2;
  for (; offset < end; offset += 16, panel += 128) {
    packQuad(source + offset, r1 + offset, r2 + offset, r3 + offset, panel, 32);
    packQuad(r4 + offset, r5 + offset, r6 + offset, r7 + offset, panel + 16, 32);
  }
  for (let i = whole; i < k; i++, offset += 4, panel += 32) {
    let s = source + offset;
    for (let r = 0; r < WIDTH; r++, s += row) store<f32>(panel + (<usize>r << 2), load<f32>(s));
  }
}

/** Four columns of four rows, `step` bytes apart. */
// @ts-ignore: decorator
@inline
function packQuad(a: usize, b: usize, c: usize, d: usize, panel: usize, step: usize): void {
  storeTurned(v128.load(a), v128.load(b), v128.load(c), v128.load(d), panel, step);
}

function packFewRows(source: usize, row: usize, count: i32, k: i32, panel: usize): void {
  memory.fill(panel, 0, <usize>k << 5);
  for (let r = 0; r < count; r++, source += row, panel += 4) {
    for (let i = 0; i < k; i++) store<f32>(panel + (<usize>i << 5), load<f32>(source + (<usize>i << 2)));
  }
}

/** Packs `count` ≤ 8 adjacent columns of `source` (`step` bytes between k) into one panel; missing ones are zero. */
function packColumns(source: usize, step: usize, count: i32, k: i32, panel: usize): void {
  const end = panel + (<usize>k << 5);
  if (count < WIDTH) {
    memory.fill(panel, 0, end - panel);
    for (; panel < end; panel += 32, source += step) {
      for (let i = 0; i < count; i++) store<f32>(panel + (<usize>i << 2), load<f32>(source + (<usize>i << 2)));
    }
  } else {
    for (; panel < end; panel += 32, source += step) {
      v128.store(panel, v128.load(source));
      v128.store(panel, v128.load(source, 16), 16);
    }
  }
}

/** Packs `np` panel rows over `k`: row contiguous where `step` is 4, column contiguous otherwise. */
export function packPanels(np: i32, k: i32, source: usize, row: usize, step: usize, panels: usize): void {
  for (let p = 0; p < np; p += WIDTH, source += <usize>WIDTH * row, panels += <usize>k << 5) {
    const count = min(WIDTH, np - p);
    if (step == 4) packRows(source, row, count, k, panels);
    else packColumns(source, step, count, k, panels);
  }
}
