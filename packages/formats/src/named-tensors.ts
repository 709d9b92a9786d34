import type { DType, TensorSource } from "@pare/tensor-core";
import { byteSize, viewArray } from "@pare/tensor-core";
import type { FileSet } from "@pare/core";
import { dataChanged } from "./errors.ts";

/** What a tensor file holds: lazy tensors by name, and text by key. */
export interface NamedTensors {
  readonly tensors: ReadonlyMap<string, TensorSource>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Where a tensor's bytes lie in a file. */
export interface FileRange {
  readonly files: FileSet;
  readonly file: string;
  readonly tensor: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
}

/** A tensor that reads its range, and nothing else, when it is used. */
export function rangeSource({ files, file, tensor, dtype, shape, begin }: FileRange): TensorSource {
  const bytes = elements(shape) * byteSize(dtype);
  return {
    dtype,
    shape,
    bytes,
    read: async () => {
      const data = bytes === 0 ? new Uint8Array(0) : await files.read(file, begin, begin + bytes);
      if (data.byteLength !== bytes) throw dataChanged({ file, field: tensor, expected: `${bytes} bytes`, found: `${data.byteLength}` });
      return { dtype, shape, data: viewArray(dtype, data) };
    },
  };
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** `folder/file`, as error messages name it. */
export function at(files: FileSet, file: string): string {
  return `${files.location}/${file}`;
}
