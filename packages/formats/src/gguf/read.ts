import type { FileSet } from "@pare/core";
import { type AffineParts, type HostTensor, type TensorSource } from "@pare/tensor-core";
import { dataChanged } from "../errors.ts";
import { at, elements, rangeSource } from "../named-tensors.ts";
import { BLOCK, BLOCK_TYPES, codesOfBlocks, scalesOfBlocks, type QuantizedType } from "./blocks.ts";
import { readGgufHeader } from "./header.ts";
import { GGUF_TYPES, ggufBytes, type GgufType, type GgufValue } from "./types.ts";

/** A tensor of a GGUF file; its bytes are read when a source of it is. */
export interface GgufTensor {
  readonly name: string;
  readonly type: GgufType;
  /** Row-major: matrices are `[out, in]`. */
  readonly shape: readonly number[];
  /** f32, f16, bf16 as they are; absent for quantized types. */
  readonly dense?: TensorSource | undefined;
  /** q8_0 and q4_0 as affine codes of exactly the same numbers, over all rows `[rows, in]`. */
  readonly affine?: AffineParts | undefined;
  /** The rows `[begin, end)` of the first axis alone. */
  readonly rows: (begin: number, end: number) => GgufTensor;
}

export interface GgufFile {
  /** Where it is, for errors about what is in it. */
  readonly file: string;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** Opens a GGUF file: reads its header, and a tensor's own bytes when that tensor is used. Throws `formats/gguf-…` errors. */
export async function readGguf(files: FileSet, name: string): Promise<GgufFile> {
  const { metadata, entries } = await readGgufHeader(files, name);
  const tensors = entries.map(
    ({ name: tensor, type, shape, begin }) => [tensor, openTensor({ files, file: name, tensor, begin }, type, shape)] as const,
  );
  return { file: at(files, name), metadata, tensors: new Map(tensors) };
}

interface Place {
  readonly files: FileSet;
  readonly file: string;
  readonly tensor: string;
  readonly begin: number;
}

function openTensor(place: Place, type: GgufType, shape: readonly number[]): GgufTensor {
  const rest = shape.slice(1);
  const rows = (begin: number, end: number): GgufTensor =>
    openTensor({ ...place, begin: place.begin + ggufBytes(type, begin * elements(rest)) }, type, [end - begin, ...rest]);
  const { tensor: name } = place;
  if (type === "q8_0" || type === "q4_0") return { name, type, shape, affine: affineParts(place, type, shape), rows };
  return { name, type, shape, dense: rangeSource({ ...place, dtype: type, shape }), rows };
}

function affineParts(place: Place, type: QuantizedType, shape: readonly number[]): AffineParts {
  const columns = shape.at(-1)!;
  const rows = elements(shape) / columns;
  const { bits } = BLOCK_TYPES[type];
  const bytes = ggufBytes(type, elements(shape));
  const source = (dtype: "u8" | "f32", width: number, make: (blocks: Uint8Array) => HostTensor["data"]): TensorSource => ({
    dtype,
    shape: [rows, width],
    bytes: rows * width * (dtype === "u8" ? 1 : 4),
    read: async () => ({ dtype, shape: [rows, width], data: make(await readBlocks(place, bytes)) }),
  });
  return {
    shape: [rows, columns],
    bits,
    groupSize: BLOCK,
    codes: source("u8", (columns * bits) / 8, (blocks) => codesOfBlocks(type, blocks)),
    scales: source("f32", columns / GGUF_TYPES[type].block, (blocks) => scalesOfBlocks(type, blocks)),
  };
}

async function readBlocks({ files, file, tensor, begin }: Place, bytes: number): Promise<Uint8Array> {
  const data = await files.read(file, begin, begin + bytes);
  if (data.byteLength !== bytes) throw dataChanged({ file, field: tensor, expected: `${bytes} bytes`, found: `${data.byteLength}` });
  return data;
}
