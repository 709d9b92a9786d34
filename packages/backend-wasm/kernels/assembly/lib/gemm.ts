/**
 * The matrix product all dense kernels share: C[s][p] = Σk S[s][k]·P[p][k], where S is the *stream* (one broadcast element of each
 * row at a time) and P the *panel* operand (packed eight rows wide, so that one k is 32 bytes). The stream is read as it lies, four
 * rows at a time, or packed into *slivers* of five, which takes fewer instructions per product but the packing.
 * Blocking after Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34 (2008): a panel stays
 * in the first-level cache while the stream's block passes through the second.
 */
import { HEIGHT, SLIVER, WIDTH } from "./pack";
import { madd } from "./simd";

/**
 * One sliver times one panel: a tile of five rows of eight in ten registers, stored one after the other. It must stay a function of its
 * own with one way out: where its loop stands among other code, V8 of Node 20 keeps sums in memory, at little more than half the speed.
 */
function tileOfSliver(a: usize, p: usize, k: i32, tile: usize): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c10 = f32x4.splat(0), c11 = f32x4.splat(0), c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0), c30 = f32x4.splat(0), c31 = f32x4.splat(0), c40 = f32x4.splat(0), c41 = f32x4.splat(0);
  const end = p + (<usize>k << 5);
  while (p < end) {
    const b0 = v128.load(p);
    const b1 = v128.load(p, 16);
    const x0 = v128.load_splat<u32>(a);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    const x1 = v128.load_splat<u32>(a, 4);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    const x2 = v128.load_splat<u32>(a, 8);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    const x3 = v128.load_splat<u32>(a, 12);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    const x4 = v128.load_splat<u32>(a, 16);
    c40 = madd(x4, b0, c40);
    c41 = madd(x4, b1, c41);
    a += SLIVER;
    p += 32;
  }
  v128.store(tile, c00);
  v128.store(tile, c01, 16);
  v128.store(tile, c10, 32);
  v128.store(tile, c11, 48);
  v128.store(tile, c20, 64);
  v128.store(tile, c21, 80);
  v128.store(tile, c30, 96);
  v128.store(tile, c31, 112);
  v128.store(tile, c40, 128);
  v128.store(tile, c41, 144);
}

/** As `tileOfSliver`, over two panels: two tiles in twenty registers, which are ten where pairs are joined. */
function tilesOfSliver(a: usize, p: usize, q: usize, k: i32, tile: usize): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c22 = f32x4.splat(0), c23 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0), c32 = f32x4.splat(0), c33 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0), c42 = f32x4.splat(0), c43 = f32x4.splat(0);
  const end = p + (<usize>k << 5);
  while (p < end) {
    const b0 = v128.load(p);
    const b1 = v128.load(p, 16);
    const b2 = v128.load(q);
    const b3 = v128.load(q, 16);
    const x0 = v128.load_splat<u32>(a);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    c02 = madd(x0, b2, c02);
    c03 = madd(x0, b3, c03);
    const x1 = v128.load_splat<u32>(a, 4);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    c12 = madd(x1, b2, c12);
    c13 = madd(x1, b3, c13);
    const x2 = v128.load_splat<u32>(a, 8);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    c22 = madd(x2, b2, c22);
    c23 = madd(x2, b3, c23);
    const x3 = v128.load_splat<u32>(a, 12);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    c32 = madd(x3, b2, c32);
    c33 = madd(x3, b3, c33);
    const x4 = v128.load_splat<u32>(a, 16);
    c40 = madd(x4, b0, c40);
    c41 = madd(x4, b1, c41);
    c42 = madd(x4, b2, c42);
    c43 = madd(x4, b3, c43);
    a += SLIVER;
    p += 32;
    q += 32;
  }
  v128.store(tile, c00);
  v128.store(tile, c01, 16);
  v128.store(tile, c10, 32);
  v128.store(tile, c11, 48);
  v128.store(tile, c20, 64);
  v128.store(tile, c21, 80);
  v128.store(tile, c30, 96);
  v128.store(tile, c31, 112);
  v128.store(tile, c40, 128);
  v128.store(tile, c41, 144);
  v128.store(tile, c02, 160);
  v128.store(tile, c03, 176);
  v128.store(tile, c12, 192);
  v128.store(tile, c13, 208);
  v128.store(tile, c22, 224);
  v128.store(tile, c23, 240);
  v128.store(tile, c32, 256);
  v128.store(tile, c33, 272);
  v128.store(tile, c42, 288);
  v128.store(tile, c43, 304);
}

/** A whole tile as five rows of C `cRow` bytes apart, or `across` as eight rows of five. */
function storeTile(tile: usize, c: usize, cRow: usize, accumulate: bool, across: bool): void {
  if (across) {
    for (let half: usize = 0; half < 32; half += 16, c += 4 * cRow) {
      const from = tile + half;
      storeAcross(v128.load(from), v128.load(from, 32), v128.load(from, 64), v128.load(from, 96), c, cRow, accumulate);
      storeColumn(v128.load(from, 128), c + 16, cRow, accumulate);
    }
  } else {
    for (const end = tile + 160; tile < end; tile += 32, c += cRow) storeRow(v128.load(tile), v128.load(tile, 16), c, accumulate);
  }
}

/** Writes four numbers of a tile to four rows of C. */
// @ts-ignore: decorator
@inline
function storeColumn(v: v128, c: usize, cRow: usize, accumulate: bool): void {
  if (accumulate) {
    let old = v128.load32_zero(c);
    old = v128.load_lane<f32>(c + cRow, old, 1);
    old = v128.load_lane<f32>(c + 2 * cRow, old, 2);
    v = f32x4.add(v, v128.load_lane<f32>(c + 3 * cRow, old, 3));
  }
  v128.store_lane<f32>(c, v, 0);
  v128.store_lane<f32>(c + cRow, v, 1);
  v128.store_lane<f32>(c + 2 * cRow, v, 2);
  v128.store_lane<f32>(c + 3 * cRow, v, 3);
}

/**
 * As `multiplyPacked`, over `ms` rows of S in slivers that are `sliverBytes` apart. `spare` is room for two tiles (320 bytes).
 */
export function multiplySlivers(
  ms: i32, np: i32, k: i32, slivers: usize, sliverBytes: usize, panels: usize, panelBytes: usize,
  c: usize, cStream: usize, cPanel: usize, accumulate: bool, spare: usize,
): void {
  const across = cPanel != 4;
  const tileRow = across ? cPanel : cStream;
  const second = WIDTH * cPanel;
  let p = 0, panel = panels;
  if (WIDE) {
    for (; p + 2 * WIDTH <= np; p += 2 * WIDTH, panel += 2 * panelBytes) {
      let a = slivers;
      let target = c + <usize>p * cPanel;
      for (let i = 0; i < ms; i += HEIGHT, a += sliverBytes, target += HEIGHT * cStream) {
        tilesOfSliver(a, panel, panel + panelBytes, k, spare);
        const rows = ms - i;
        if (rows >= HEIGHT) {
          storeTile(spare, target, tileRow, accumulate, across);
          storeTile(spare + 160, target + second, tileRow, accumulate, across);
        } else {
          storePart(spare, rows, WIDTH, target, cStream, cPanel, accumulate);
          storePart(spare + 160, rows, WIDTH, target + second, cStream, cPanel, accumulate);
        }
      }
    }
  }
  for (; p < np; p += WIDTH, panel += panelBytes) {
    const columns = min(WIDTH, np - p);
    let a = slivers;
    let target = c + <usize>p * cPanel;
    for (let i = 0; i < ms; i += HEIGHT, a += sliverBytes, target += HEIGHT * cStream) {
      const rows = ms - i;
      // Called in two places, since the compiler inlines what is called in one.
      if (rows >= HEIGHT && columns == WIDTH) {
        tileOfSliver(a, panel, k, spare);
        storeTile(spare, target, tileRow, accumulate, across);
      } else {
        tileOfSliver(a, panel, k, spare);
        storePart(spare, min(HEIGHT, rows), columns, target, cStream, cPanel, accumulate);
      }
    }
  }
}

/**
 * Four stream rows (`aStep` bytes from one k to the next) times one panel: a 4×8 tile in eight registers. Stored as four rows
 * of C `cRow` bytes apart, or `across` as eight rows of four. More unrolling spills registers in V8 and is slower.
 */
function tile(
  a0: usize, a1: usize, a2: usize, a3: usize, aStep: usize, p: usize, k: i32, c: usize, cRow: usize, accumulate: bool, across: bool,
): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  const end = p + (<usize>k << 5);
  while (p < end) {
    const b0 = v128.load(p);
    const b1 = v128.load(p, 16);
    const x0 = v128.load_splat<u32>(a0);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    const x1 = v128.load_splat<u32>(a1);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    const x2 = v128.load_splat<u32>(a2);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    const x3 = v128.load_splat<u32>(a3);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    a0 += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
    p += 32;
  }
  if (across) {
    storeAcross(c00, c10, c20, c30, c, cRow, accumulate);
    storeAcross(c01, c11, c21, c31, c + 4 * cRow, cRow, accumulate);
  } else {
    storeRow(c00, c01, c, accumulate);
    storeRow(c10, c11, c + cRow, accumulate);
    storeRow(c20, c21, c + 2 * cRow, accumulate);
    storeRow(c30, c31, c + 3 * cRow, accumulate);
  }
}

/** As `tile`, over two panels, stored as two tiles one after the other. */
function tiles(a0: usize, a1: usize, a2: usize, a3: usize, aStep: usize, p: usize, q: usize, k: i32, tile: usize): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c22 = f32x4.splat(0), c23 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0), c32 = f32x4.splat(0), c33 = f32x4.splat(0);
  const end = p + (<usize>k << 5);
  while (p < end) {
    const b0 = v128.load(p);
    const b1 = v128.load(p, 16);
    const b2 = v128.load(q);
    const b3 = v128.load(q, 16);
    const x0 = v128.load_splat<u32>(a0);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    c02 = madd(x0, b2, c02);
    c03 = madd(x0, b3, c03);
    const x1 = v128.load_splat<u32>(a1);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    c12 = madd(x1, b2, c12);
    c13 = madd(x1, b3, c13);
    const x2 = v128.load_splat<u32>(a2);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    c22 = madd(x2, b2, c22);
    c23 = madd(x2, b3, c23);
    const x3 = v128.load_splat<u32>(a3);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    c32 = madd(x3, b2, c32);
    c33 = madd(x3, b3, c33);
    a0 += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
    p += 32;
    q += 32;
  }
  v128.store(tile, c00);
  v128.store(tile, c01, 16);
  v128.store(tile, c10, 32);
  v128.store(tile, c11, 48);
  v128.store(tile, c20, 64);
  v128.store(tile, c21, 80);
  v128.store(tile, c30, 96);
  v128.store(tile, c31, 112);
  v128.store(tile, c02, 128);
  v128.store(tile, c03, 144);
  v128.store(tile, c12, 160);
  v128.store(tile, c13, 176);
  v128.store(tile, c22, 192);
  v128.store(tile, c23, 208);
  v128.store(tile, c32, 224);
  v128.store(tile, c33, 240);
}

// @ts-ignore: decorator
@inline
function storeRow(low: v128, high: v128, c: usize, accumulate: bool): void {
  if (accumulate) {
    low = f32x4.add(low, v128.load(c));
    high = f32x4.add(high, v128.load(c, 16));
  }
  v128.store(c, low);
  v128.store(c, high, 16);
}

/** Writes four columns of a tile as four rows of C. */
// @ts-ignore: decorator
@inline
function storeAcross(r0: v128, r1: v128, r2: v128, r3: v128, c: usize, cRow: usize, accumulate: bool): void {
  const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
  const t1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
  const t2 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
  const t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
  storeQuad(v128.shuffle<i64>(t0, t1, 0, 2), c, accumulate);
  storeQuad(v128.shuffle<i64>(t0, t1, 1, 3), c + cRow, accumulate);
  storeQuad(v128.shuffle<i64>(t2, t3, 0, 2), c + 2 * cRow, accumulate);
  storeQuad(v128.shuffle<i64>(t2, t3, 1, 3), c + 3 * cRow, accumulate);
}

// @ts-ignore: decorator
@inline
function storeQuad(v: v128, c: usize, accumulate: bool): void {
  if (accumulate) v = f32x4.add(v, v128.load(c));
  v128.store(c, v);
}

/**
 * C += or = S·Pᵀ over the first `k` of ⌈np/8⌉ packed panels that are `panelBytes` long. S is `ms` rows, element (i, k) at `s + i·sRow + k·sStep`;
 * C's element (i, p) is at `c + i·cStream + p·cPanel`, one of the two being 4. `spare` is room for two tiles (256 bytes).
 */
export function multiplyPacked(
  ms: i32, np: i32, k: i32, s: usize, sRow: usize, sStep: usize, panels: usize, panelBytes: usize,
  c: usize, cStream: usize, cPanel: usize, accumulate: bool, spare: usize,
): void {
  const across = cPanel != 4;
  const tileRow = across ? cPanel : cStream;
  let p = 0, panel = panels;
  if (WIDE) {
    for (; p + 2 * WIDTH <= np; p += 2 * WIDTH, panel += 2 * panelBytes) {
      multiplyPair(ms, k, s, sRow, sStep, panel, panel + panelBytes, c + <usize>p * cPanel, cStream, cPanel, accumulate, spare);
    }
  }
  for (; p < np; p += WIDTH, panel += panelBytes) {
    const columns = min(WIDTH, np - p);
    let a = s;
    let target = c + <usize>p * cPanel;
    for (let i = 0; i < ms; i += 4, a += 4 * sRow, target += 4 * cStream) {
      const rows = ms - i;
      if (rows >= 4 && columns == WIDTH) {
        tile(a, a + sRow, a + 2 * sRow, a + 3 * sRow, sStep, panel, k, target, tileRow, accumulate, across);
        continue;
      }
      // Rows that do not exist are computed from the last one that does and thrown away.
      const a1 = rows > 1 ? a + sRow : a;
      const a2 = rows > 2 ? a1 + sRow : a1;
      const a3 = rows > 3 ? a2 + sRow : a2;
      tile(a, a1, a2, a3, sStep, panel, k, spare, 32, false, false);
      storePart(spare, min(4, rows), columns, target, cStream, cPanel, accumulate);
    }
  }
}

/** All rows of S times two whole panels. */
function multiplyPair(
  ms: i32, k: i32, s: usize, sRow: usize, sStep: usize, panel: usize, other: usize,
  c: usize, cStream: usize, cPanel: usize, accumulate: bool, spare: usize,
): void {
  const second = WIDTH * cPanel;
  for (let i = 0; i < ms; i += 4, s += 4 * sRow, c += 4 * cStream) {
    const rows = min(4, ms - i);
    const a1 = rows > 1 ? s + sRow : s;
    const a2 = rows > 2 ? a1 + sRow : a1;
    tiles(s, a1, a2, rows > 3 ? a2 + sRow : a2, sStep, panel, other, k, spare);
    storeQuadTile(spare, rows, c, cStream, cPanel, accumulate);
    storeQuadTile(spare + 128, rows, c + second, cStream, cPanel, accumulate);
  }
}

/** A tile of up to four rows of eight as rows of C, or across. */
function storeQuadTile(tile: usize, rows: i32, c: usize, cStream: usize, cPanel: usize, accumulate: bool): void {
  if (rows < 4) storePart(tile, rows, WIDTH, c, cStream, cPanel, accumulate);
  else if (cPanel == 4) {
    for (const end = tile + 128; tile < end; tile += 32, c += cStream) storeRow(v128.load(tile), v128.load(tile, 16), c, accumulate);
  } else {
    storeAcross(v128.load(tile), v128.load(tile, 32), v128.load(tile, 64), v128.load(tile, 96), c, cPanel, accumulate);
    tile += 16;
    storeAcross(v128.load(tile), v128.load(tile, 32), v128.load(tile, 64), v128.load(tile, 96), c + 4 * cPanel, cPanel, accumulate);
  }
}

/** Copies a part of a row-major tile of eight columns. */
export function storePart(spare: usize, rows: i32, columns: i32, c: usize, cStream: usize, cPanel: usize, accumulate: bool): void {
  for (let i = 0; i < rows; i++, spare += 32, c += cStream) {
    let target = c;
    for (let j = 0; j < columns; j++, target += cPanel) {
      const value = load<f32>(spare + (<usize>j << 2));
      store<f32>(target, accumulate ? load<f32>(target) + value : value);
    }
  }
}
