/** Movement of elements whatever they mean: three outer dimensions with a stride in bytes on each side, and an inner block. */
import { storeTurned } from "./lib/simd";

// @ts-ignore: decorator
@inline
function copyBytes(x: usize, y: usize, n: usize): void {
  if (n >= 1024) {
    memory.copy(y, x, n);
    return;
  }
  const end = y + (n & ~15);
  for (; y < end; y += 16, x += 16) v128.store(y, v128.load(x));
  const words = y + (n & 12);
  for (; y < words; y += 4, x += 4) store<u32>(y, load<u32>(x));
  const bytes = y + (n & 3);
  for (; y < bytes; y++, x++) store<u8>(y, load<u8>(x));
}

/** Blocks of n bytes. */
export function u8_copy(
  x: usize, y: usize, n0: i32, x0: usize, y0: usize, n1: i32, x1: usize, y1: usize, n2: i32, x2: usize, y2: usize, n: usize,
): void {
  for (let i = 0; i < n0; i++) {
    for (let j = 0; j < n1; j++) {
      let from = x + i * x0 + j * x1;
      let to = y + i * y0 + j * y1;
      for (let l = 0; l < n2; l++, from += x2, to += y2) copyBytes(from, to, n);
    }
  }
}

/** Blocks of n words, each filled with the one word at its source. */
export function u32_repeat(
  x: usize, y: usize, n0: i32, x0: usize, y0: usize, n1: i32, x1: usize, y1: usize, n2: i32, x2: usize, y2: usize, n: i32,
): void {
  for (let i = 0; i < n0; i++) {
    for (let j = 0; j < n1; j++) {
      let from = x + i * x0 + j * x1;
      let to = y + i * y0 + j * y1;
      for (let l = 0; l < n2; l++, from += x2, to += y2) fillWords(to, n, load<u32>(from));
    }
  }
}

function fillWords(y: usize, n: i32, word: u32): void {
  const v = i32x4.splat(word);
  const end = y + (<usize>n << 2);
  for (; y + 16 <= end; y += 16) v128.store(y, v);
  for (; y < end; y += 4) store<u32>(y, word);
}

/** Matrices of words: x is `rows` of `columns` adjacent words, `xRow` bytes apart; y has them turned, its rows `yRow` bytes apart. */
export function u32_turn(
  x: usize, y: usize, n0: i32, x0: usize, y0: usize, n1: i32, x1: usize, y1: usize,
  rows: i32, columns: i32, xRow: usize, yRow: usize,
): void {
  for (let i = 0; i < n0; i++) {
    for (let j = 0; j < n1; j++) turn(x + i * x0 + j * x1, y + i * y0 + j * y1, rows, columns, xRow, yRow);
  }
}

function turn(x: usize, y: usize, rows: i32, columns: i32, xRow: usize, yRow: usize): void {
  const wholeRows = rows & ~3;
  const wholeColumns = columns & ~3;
  for (let r = 0; r < wholeRows; r += 4) {
    for (let c = 0; c < wholeColumns; c += 4) {
      const from = x + r * xRow + (<usize>c << 2);
      const to = y + c * yRow + (<usize>r << 2);
      storeTurned(v128.load(from), v128.load(from + xRow), v128.load(from + 2 * xRow), v128.load(from + 3 * xRow), to, yRow);
    }
    turnFew(x, y, r, r + 4, wholeColumns, columns, xRow, yRow);
  }
  turnFew(x, y, wholeRows, rows, 0, columns, xRow, yRow);
}

// @ts-ignore: decorator
@inline
function turnFew(x: usize, y: usize, r0: i32, r1: i32, c0: i32, c1: i32, xRow: usize, yRow: usize): void {
  for (let r = r0; r < r1; r++) {
    for (let c = c0; c < c1; c++) store<u32>(y + c * yRow + (<usize>r << 2), load<u32>(x + r * xRow + (<usize>c << 2)));
  }
}

export function u8_zero(y: usize, n: usize): void {
  memory.fill(y, 0, n);
}
