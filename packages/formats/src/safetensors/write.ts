import type { FileSet } from "@pare/core";
import { byteSize, showShape, type HostTensor, type TensorSource } from "@pare/tensor-core";
import { dataChanged } from "../errors.ts";
import { at, elements, type NamedTensors } from "../named-tensors.ts";
import { DTYPE_NAMES } from "./header.ts";
import { SAFETENSORS_FILE } from "./read.ts";

/**
 * Writes one safetensors file, one tensor in memory at a time. Wide element types come first, then by name, so that every
 * tensor is aligned and the same content gives the same bytes. The file appears whole or not at all.
 */
export async function writeSafetensors(files: FileSet, content: NamedTensors, name: string = SAFETENSORS_FILE): Promise<void> {
  const ordered = [...content.tensors].sort(([a, x], [b, y]) => byteSize(y.dtype) - byteSize(x.dtype) || (a < b ? -1 : 1));
  await files.write(name, chunks(at(files, name), ordered, content.metadata));
}

async function* chunks(
  file: string,
  ordered: readonly (readonly [string, TensorSource])[],
  metadata: Readonly<Record<string, string>>,
): AsyncIterable<Uint8Array> {
  yield headerBytes(ordered, metadata);
  for (const [tensor, source] of ordered) {
    const { dtype, shape, data } = await source.read();
    if (dtype !== source.dtype || shape.length !== source.shape.length || shape.some((size, axis) => size !== source.shape[axis])) {
      throw dataChanged({ file, field: tensor, expected: describe(source), found: describe({ dtype, shape }) });
    }
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

function headerBytes(ordered: readonly (readonly [string, TensorSource])[], metadata: Readonly<Record<string, string>>): Uint8Array {
  const header: Record<string, unknown> = {};
  const keys = Object.keys(metadata).sort();
  if (keys.length > 0) header["__metadata__"] = Object.fromEntries(keys.map((key) => [key, metadata[key]]));
  let begin = 0;
  for (const [tensor, { dtype, shape }] of ordered) {
    const end = begin + elements(shape) * byteSize(dtype);
    header[tensor] = { dtype: DTYPE_NAMES[dtype], shape, data_offsets: [begin, end] };
    begin = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  return bytes;
}

function describe({ dtype, shape }: Pick<HostTensor, "dtype" | "shape">): string {
  return `${dtype} ${showShape(shape)}`;
}
