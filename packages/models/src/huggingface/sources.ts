/** Tensors of a file as the weights they stand for, and back: turned, cut and stacked when they are read. */
import { allocateArray, byteSize, sizeOf, type DType, type HostTensor, type TensorSource, type TypedArray } from "@pare/tensor-core";

function derived(dtype: DType, shape: readonly number[], read: () => Promise<TypedArray>): TensorSource {
  return { dtype, shape, bytes: sizeOf(shape) * byteSize(dtype), read: async () => ({ dtype, shape, data: await read() }) };
}

/** The same numbers under another shape. */
export function reshaped(source: TensorSource, shape: readonly number[]): TensorSource {
  return shape.join() === source.shape.join() ? source : derived(source.dtype, shape, async () => (await source.read()).data);
}

/** `[a, b]` as `[b, a]`. */
export function turned(source: TensorSource): TensorSource {
  const [rows, columns] = source.shape as [number, number];
  return derived(source.dtype, [columns, rows], async () => turn(await source.read()));
}

function turn({ dtype, shape, data }: HostTensor): TypedArray {
  const [rows, columns] = shape as [number, number];
  const out = allocateArray(dtype, rows * columns);
  for (let column = 0; column < columns; column++)
    for (let row = 0; row < rows; row++) out[column * rows + row] = data[row * columns + column]!;
  return out;
}

/** Rows `begin` to `end` (axis 0). */
export function rowsOf(source: TensorSource, begin: number, end: number): TensorSource {
  const [count, ...rest] = source.shape as [number, ...number[]];
  if (begin === 0 && end === count) return source;
  const width = sizeOf(rest);
  return derived(source.dtype, [end - begin, ...rest], async () => (await source.read()).data.slice(begin * width, end * width));
}

/** One under the other, along axis 0; of one element type. */
export function stacked(sources: readonly TensorSource[]): TensorSource {
  const [first] = sources as [TensorSource, ...TensorSource[]];
  if (sources.length === 1) return first;
  const count = sources.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const shape = [count, ...first.shape.slice(1)];
  return derived(first.dtype, shape, async () => {
    const out = allocateArray(first.dtype, sizeOf(shape));
    let at = 0;
    for (const source of sources) {
      const { data } = await source.read();
      out.set(data as never, at);
      at += data.length;
    }
    return out;
  });
}
