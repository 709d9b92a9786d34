/** Rows of `width` bytes, `tokens` per batch element, into a cache of `capacity` rows each, from starts[b] on; rows that do not fit stay out. */
export function u8_cache_write(
  cache: usize, rows: usize, starts: usize, batch: i32, capacity: i32, tokens: i32, width: usize,
): void {
  for (let b = 0; b < batch; b++, cache += capacity * width, rows += tokens * width, starts += 4) {
    const start = load<u32>(starts);
    const room = start < <u32>capacity ? capacity - start : 0;
    memory.copy(cache + start * width, rows, <usize>min(<u32>tokens, room) * width);
  }
}
