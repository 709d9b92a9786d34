/**
 * Scaled dot-product attention and its gradient. Scores exist for one block of query rows at a time and only over the keys
 * those rows may see; softmax is recomputed in the gradient from the kept logSumExp (Dao et al., "FlashAttention", 2022).
 * Tensors lie as `[batch, tokens, heads, width]`.
 */
import { multiplyPacked } from "./lib/gemm";
import { packPanels } from "./lib/pack";
import { dotRow, expRow, logOf, rowMax, scaleAddRow, scaleRow } from "./lib/rows";
import { loadTail, madd, storeTail } from "./lib/simd";
import { expNonPositive4 } from "./lib/math";

/** From this many queries on, keys and values are packed. */
const PACK_QUERIES: i32 = 4;

// @ts-ignore: decorator
@inline
function bytes(floats: i32): usize {
  return <usize>floats << 2;
}

/** Keys of batch element b that exist: `lengths[b]`, all without lengths. */
// @ts-ignore: decorator
@inline
function lengthOf(lengths: usize, b: i32, capacity: i32): i32 {
  return lengths == 0 ? capacity : max(0, min(capacity, load<i32>(lengths + bytes(b))));
}

/** Keys that query i sees, always the first ones. */
// @ts-ignore: decorator
@inline
function seen(i: i32, length: i32, start: i32, causal: bool): i32 {
  return causal ? max(0, min(length, start + i + 1)) : length;
}

/** A bias of this or less hides its key. */
// @ts-ignore: decorator
@inline
const HIDDEN: f32 = -1e30;

/** The bias `[batch or 1, heads or 1, tq, tk]` of one batch element and head; `ofBatch` and `ofHead` are floats to the next, 0 where shared. */
// @ts-ignore: decorator
@inline
function biasOf(bias: usize, b: i32, ofBatch: i32, head: i32, ofHead: i32): usize {
  return bias == 0 ? 0 : bias + bytes(b * ofBatch + head * ofHead);
}

/**
 * y and logSumExp `[batch, heads, tq]`, for key/value heads `[from, to)` counted through the batch, and the query heads that read them.
 *
 * @param heads i32, for each of `h` query heads the key/value head it reads.
 * @param bias 0: none. See `biasOf`.
 * @param rowBlock query rows whose scores are held at once, a multiple of 4.
 * @param scratch 64 floats, then `keys`·`8⌈d/8⌉` and `keys`·d floats (packed values and keys), then `rowBlock`·`keys` floats,
 *   where `keys` = 8⌈tk/8⌉ + 8.
 */
export function f32_attention(
  query: usize, key: usize, value: usize, y: usize, logSumExp: usize,
  lengths: usize, starts: usize, heads: usize, bias: usize, ofBatch: i32, ofHead: i32,
  from: i32, to: i32, tq: i32, tk: i32, h: i32, hk: i32, d: i32, scale: f32, causal: bool, rowBlock: i32, scratch: usize,
): void {
  const keys = ((tk + 7) & ~7) + 8;
  const values = scratch + 256;
  const keyPanels = values + bytes(keys * ((d + 7) & ~7));
  const scores = keyPanels + bytes(keys * d);
  const queryRow = bytes(h * d), keyRow = bytes(hk * d);
  for (let item = from; item < to; item++) {
    const b = item / hk, group = item % hk;
    const length = lengthOf(lengths, b, tk);
    const start = starts == 0 ? 0 : load<i32>(starts + bytes(b));
    const most = seen(tq - 1, length, start, causal);
    const k = key + b * tk * keyRow + bytes(group * d);
    const v = value + b * tk * keyRow + bytes(group * d);
    let packed = false;
    for (let head = 0; head < h; head++) {
      if (load<i32>(heads + bytes(head)) != group) continue;
      const q = query + b * tq * queryRow + bytes(head * d);
      const target = y + b * tq * queryRow + bytes(head * d);
      const sums = logSumExp + bytes((b * h + head) * tq);
      const own = biasOf(bias, b, ofBatch, head, ofHead);
      if (tq < PACK_QUERIES) {
        for (let i = 0; i < tq; i++) {
          const n = seen(i, length, start, causal);
          const extra = own == 0 ? 0 : own + bytes(i * tk);
          store<f32>(sums + bytes(i), one(q + i * queryRow, k, v, target + i * queryRow, keyRow, n, d, scale, extra, scores));
        }
        continue;
      }
      if (!packed) {
        packPanels(most, d, k, keyRow, 4, keyPanels);
        packPanels(d, most, v, 4, keyRow, values);
        packed = true;
      }
      for (let i = 0; i < tq; i += rowBlock) {
        const rows = min(rowBlock, tq - i);
        const n = seen(i + rows - 1, length, start, causal);
        multiplyPacked(
          rows, (n + 7) & ~7, d, q + i * queryRow, queryRow, 4, keyPanels, <usize>d << 5, scores, bytes(keys), 4, false, scratch,
        );
        for (let r = 0; r < rows; r++) {
          const some = seen(i + r, length, start, causal);
          const extra = own == 0 ? 0 : own + bytes((i + r) * tk);
          store<f32>(sums + bytes(i + r), normalise(scores + bytes(r * keys), some, n, scale, extra));
        }
        multiplyPacked(
          rows, d, n, scores, bytes(keys), 4, values, <usize>most << 5, target + i * queryRow, queryRow, 4, false, scratch,
        );
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function zero(from: usize, to: usize): void {
  for (; from < to; from += 4) store<f32>(from, 0);
}

/** Scores → probabilities of the first `own` keys, 0 up to n; gives their logSumExp. `bias` is a row of biases, or 0. */
function normalise(row: usize, own: i32, n: i32, scale: f32, bias: usize): f32 {
  zero(row + bytes(own), row + bytes(n));
  if (own == 0) return 0;
  if (bias == 0) scaleRow(row, row, own, scale);
  else scaleAddRow(row, bias, row, own, scale);
  const largest = rowMax(row, own);
  if (largest <= HIDDEN) {
    zero(row, row + bytes(own));
    return 0;
  }
  const total = expRow(row, row, own, largest);
  scaleRow(row, row, own, 1 / total);
  return largest + logOf(total);
}

/** One query over n keys as they lie. */
function one(q: usize, k: usize, v: usize, y: usize, keyRow: usize, n: i32, d: i32, scale: f32, bias: usize, scores: usize): f32 {
  for (let j = 0; j < n; j++) store<f32>(scores + bytes(j), dotRow(q, k + j * keyRow, d));
  const logSum = normalise(scores, n, n, scale, bias);
  let c = 0;
  for (; c + 16 <= d; c += 16, v += 64, y += 64) {
    let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
    let p = v;
    for (let j = 0; j < n; j++, p += keyRow) {
      const w = v128.load_splat<u32>(scores + bytes(j));
      a0 = madd(w, v128.load(p), a0);
      a1 = madd(w, v128.load(p, 16), a1);
      a2 = madd(w, v128.load(p, 32), a2);
      a3 = madd(w, v128.load(p, 48), a3);
    }
    v128.store(y, a0);
    v128.store(y, a1, 16);
    v128.store(y, a2, 32);
    v128.store(y, a3, 48);
  }
  for (; c + 4 <= d; c += 4, v += 16, y += 16) {
    let a = f32x4.splat(0);
    let p = v;
    for (let j = 0; j < n; j++, p += keyRow) a = madd(v128.load_splat<u32>(scores + bytes(j)), v128.load(p), a);
    v128.store(y, a);
  }
  const rest = d & 3;
  if (rest) {
    let a = f32x4.splat(0);
    let p = v;
    for (let j = 0; j < n; j++, p += keyRow) a = madd(v128.load_splat<u32>(scores + bytes(j)), loadTail(p, rest), a);
    storeTail(y, a, rest);
  }
  return logSum;
}

/**
 * With p = e^(score − logSumExp), dp = grad·valueᵀ and ds = scale·p·(dp − Σ grad·y):
 * toQuery = ds·key, toKey = dsᵀ·query, toValue = pᵀ·grad. Heads as above.
 *
 * @param scratch 64 floats, then packed keys by row and by column and values by row (`keys`·d, `keys`·d8, `keys`·d floats), two
 *   blocks of `rowBlock`·`keys`, and grad and query rows packed by column (`rowBlock`·d8 each), d8 = 8⌈d/8⌉.
 */
export function f32_attention_gradient(
  grad: usize, query: usize, key: usize, value: usize, y: usize, logSumExp: usize,
  toQuery: usize, toKey: usize, toValue: usize,
  lengths: usize, starts: usize, heads: usize, bias: usize, ofBatch: i32, ofHead: i32,
  from: i32, to: i32, tq: i32, tk: i32, h: i32, hk: i32, d: i32, scale: f32, causal: bool, rowBlock: i32, scratch: usize,
): void {
  const keys = ((tk + 7) & ~7) + 8;
  const d8 = (d + 7) & ~7;
  const keyPanels = scratch + 256;
  const valuePanels = keyPanels + bytes(keys * d);
  const keyColumns = valuePanels + bytes(keys * d);
  const p = keyColumns + bytes(keys * d8);
  const ds = p + bytes(rowBlock * keys);
  const gradColumns = ds + bytes(rowBlock * keys);
  const queryColumns = gradColumns + bytes(rowBlock * d8);
  const queryRow = bytes(h * d), keyRow = bytes(hk * d), panel = <usize>d << 5;
  for (let item = from; item < to; item++) {
    const b = item / hk, group = item % hk;
    const length = lengthOf(lengths, b, tk);
    const start = starts == 0 ? 0 : load<i32>(starts + bytes(b));
    const most = seen(tq - 1, length, start, causal);
    const at = b * tk * keyRow + bytes(group * d);
    for (let j = 0; j < tk; j++) {
      memory.fill(toKey + at + j * keyRow, 0, bytes(d));
      memory.fill(toValue + at + j * keyRow, 0, bytes(d));
    }
    packPanels(most, d, key + at, keyRow, 4, keyPanels);
    packPanels(most, d, value + at, keyRow, 4, valuePanels);
    packPanels(d, most, key + at, 4, keyRow, keyColumns);
    for (let head = 0; head < h; head++) {
      if (load<i32>(heads + bytes(head)) != group) continue;
      const sums = logSumExp + bytes((b * h + head) * tq);
      const own = biasOf(bias, b, ofBatch, head, ofHead);
      for (let i = 0; i < tq; i += rowBlock) {
        const rows = min(rowBlock, tq - i);
        const n = seen(i + rows - 1, length, start, causal);
        const n8 = (n + 7) & ~7;
        const block = (b * tq + i) * queryRow + bytes(head * d);
        multiplyPacked(rows, n8, d, query + block, queryRow, 4, keyPanels, panel, p, bytes(keys), 4, false, scratch);
        multiplyPacked(rows, n8, d, grad + block, queryRow, 4, valuePanels, panel, ds, bytes(keys), 4, false, scratch);
        for (let r = 0; r < rows; r++) {
          const some = seen(i + r, length, start, causal);
          const row = block + r * queryRow;
          const along = dotRow(grad + row, y + row, d);
          const scores = p + bytes(r * keys);
          if (own == 0) scaleRow(scores, scores, some, scale);
          else scaleAddRow(scores, own + bytes((i + r) * tk), scores, some, scale);
          scoreGradients(scores, ds + bytes(r * keys), some, n, scale, load<f32>(sums + bytes(i + r)), along);
        }
        multiplyPacked(
          rows, d, n, ds, bytes(keys), 4, keyColumns, <usize>most << 5, toQuery + block, queryRow, 4, false, scratch,
        );
        packPanels(d, rows, grad + block, 4, queryRow, gradColumns);
        packPanels(d, rows, query + block, 4, queryRow, queryColumns);
        multiplyPacked(n, d, rows, p, 4, bytes(keys), gradColumns, <usize>rows << 5, toValue + at, keyRow, 4, true, scratch);
        multiplyPacked(n, d, rows, ds, 4, bytes(keys), queryColumns, <usize>rows << 5, toKey + at, keyRow, 4, true, scratch);
      }
    }
  }
}

/** Of one query row: scores, biased and scaled, become p, dp becomes ds = factor·p·(dp − along), both 0 from `own` up to n. */
function scoreGradients(p: usize, ds: usize, own: i32, n: i32, factor: f32, logSum: f32, along: f32): void {
  const f = f32x4.splat(factor), l = f32x4.splat(logSum), a = f32x4.splat(along);
  const end = bytes(own & ~3);
  let o: usize = 0;
  if (WIDE) {
    for (; o + 32 <= end; o += 32) {
      const e = expNonPositive4(f32x4.sub(v128.load(p + o), l)), g = expNonPositive4(f32x4.sub(v128.load(p + o, 16), l));
      const d = f32x4.mul(f32x4.mul(e, f), f32x4.sub(v128.load(ds + o), a)), h = f32x4.mul(f32x4.mul(g, f), f32x4.sub(v128.load(ds + o, 16), a));
      v128.store(p + o, e);
      v128.store(p + o, g, 16);
      v128.store(ds + o, d);
      v128.store(ds + o, h, 16);
    }
  }
  for (; o < end; o += 16) {
    const e = expNonPositive4(f32x4.sub(v128.load(p + o), l));
    v128.store(p + o, e);
    v128.store(ds + o, f32x4.mul(f32x4.mul(e, f), f32x4.sub(v128.load(ds + o), a)));
  }
  const rest = own & 3;
  if (rest) {
    const e = expNonPositive4(f32x4.sub(loadTail(p + o, rest), l));
    storeTail(p + o, e, rest);
    storeTail(ds + o, f32x4.mul(f32x4.mul(e, f), f32x4.sub(loadTail(ds + o, rest), a)), rest);
  }
  zero(p + bytes(own), p + bytes(n));
  zero(ds + bytes(own), ds + bytes(n));
}

/**
 * toBias = p·(dp − Σ grad·y) as above, summed over what shares a bias, for biases `[from, to)` counted over `biasBatch`·`biasHeads`.
 *
 * @param scratch 64 floats, then packed keys and values by row (`keys`·d floats each) and two blocks of `rowBlock`·`keys`.
 */
export function f32_attention_bias_gradient(
  grad: usize, query: usize, key: usize, value: usize, y: usize, logSumExp: usize, bias: usize, toBias: usize,
  lengths: usize, starts: usize, heads: usize, batch: i32, biasBatch: i32, biasHeads: i32,
  from: i32, to: i32, tq: i32, tk: i32, h: i32, hk: i32, d: i32, scale: f32, causal: bool, rowBlock: i32, scratch: usize,
): void {
  const keys = ((tk + 7) & ~7) + 8;
  const keyPanels = scratch + 256;
  const valuePanels = keyPanels + bytes(keys * d);
  const p = valuePanels + bytes(keys * d);
  const ds = p + bytes(rowBlock * keys);
  const queryRow = bytes(h * d), keyRow = bytes(hk * d), panel = <usize>d << 5;
  for (let item = from; item < to; item++) {
    const ownBias = bias + bytes(item * tq * tk), target = toBias + bytes(item * tq * tk);
    memory.fill(target, 0, bytes(tq * tk));
    const firstBatch = biasBatch == 1 ? 0 : item / biasHeads, lastBatch = biasBatch == 1 ? batch : firstBatch + 1;
    const firstHead = biasHeads == 1 ? 0 : item % biasHeads, lastHead = biasHeads == 1 ? h : firstHead + 1;
    for (let b = firstBatch; b < lastBatch; b++) {
      const length = lengthOf(lengths, b, tk);
      const start = starts == 0 ? 0 : load<i32>(starts + bytes(b));
      const most = seen(tq - 1, length, start, causal);
      let packed = -1;
      for (let head = firstHead; head < lastHead; head++) {
        const group = load<i32>(heads + bytes(head));
        if (group != packed) {
          const at = b * tk * keyRow + bytes(group * d);
          packPanels(most, d, key + at, keyRow, 4, keyPanels);
          packPanels(most, d, value + at, keyRow, 4, valuePanels);
          packed = group;
        }
        const sums = logSumExp + bytes((b * h + head) * tq);
        for (let i = 0; i < tq; i += rowBlock) {
          const rows = min(rowBlock, tq - i);
          const n = seen(i + rows - 1, length, start, causal);
          const n8 = (n + 7) & ~7;
          const block = (b * tq + i) * queryRow + bytes(head * d);
          multiplyPacked(rows, n8, d, query + block, queryRow, 4, keyPanels, panel, p, bytes(keys), 4, false, scratch);
          multiplyPacked(rows, n8, d, grad + block, queryRow, 4, valuePanels, panel, ds, bytes(keys), 4, false, scratch);
          for (let r = 0; r < rows; r++) {
            const some = seen(i + r, length, start, causal);
            const row = block + r * queryRow;
            const along = dotRow(grad + row, y + row, d);
            const scores = p + bytes(r * keys), found = ds + bytes(r * keys), place = bytes((i + r) * tk);
            scaleAddRow(scores, ownBias + place, scores, some, scale);
            scoreGradients(scores, found, some, some, 1, load<f32>(sums + bytes(i + r)), along);
            scaleAddRow(target + place, found, target + place, some, 1);
          }
        }
      }
    }
  }
}
