/** y[i] = weight[ids[i]], rows of n floats. An id outside the table would read another tensor: it gives NaN. */
export function f32_rows(weight: usize, ids: usize, y: usize, count: i32, rows: i32, n: i32): void {
  const width = <usize>n << 2;
  for (let i = 0; i < count; i++, ids += 4, y += width) {
    const id = load<u32>(ids);
    if (id < <u32>rows) memory.copy(y, weight + id * width, width);
    else for (let j: usize = 0; j < width; j += 4) store<f32>(y + j, NaN);
  }
}

/** y[ids[i] − first] += grad[i] in ascending i, y zeroed first. Ids outside its `rows` are skipped. */
export function f32_scatter_rows(grad: usize, ids: usize, y: usize, count: i32, first: i32, rows: i32, n: i32): void {
  const width = <usize>n << 2;
  memory.fill(y, 0, rows * width);
  for (let i = 0; i < count; i++, ids += 4, grad += width) {
    const id = load<u32>(ids) - <u32>first;
    if (id >= <u32>rows) continue;
    const target = y + id * width;
    const whole = width & ~15;
    let j: usize = 0;
    for (; j < whole; j += 16) v128.store(target + j, f32x4.add(v128.load(target + j), v128.load(grad + j)));
    for (; j < width; j += 4) store<f32>(target + j, load<f32>(target + j) + load<f32>(grad + j));
  }
}
