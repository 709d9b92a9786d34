import type { FileSet } from "@pare/core";
import { dataChanged } from "../errors.ts";
import { at, elements } from "../named-tensors.ts";
import { GGUF_TYPES, KINDS, ggufBytes, type GgufKind, type GgufScalar, type GgufType, type GgufValue } from "./types.ts";

/** A tensor to be written: its bytes are asked for when its turn comes, one tensor in memory at a time. */
export interface GgufOutput {
  readonly name: string;
  readonly type: GgufType;
  /** Row-major. */
  readonly shape: readonly number[];
  /** In chunks, as the type lies in the file. */
  readonly bytes: () => AsyncIterable<Uint8Array>;
}

export interface GgufContent {
  /** In the order in which they are written. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufOutput[];
}

const ALIGNMENT = 32;

/** Writes one GGUF file of version 3. The file appears whole or not at all; the same content gives the same bytes. */
export async function writeGguf(files: FileSet, name: string, content: GgufContent): Promise<void> {
  await files.write(name, chunks(at(files, name), content));
}

async function* chunks(file: string, { metadata, tensors }: GgufContent): AsyncIterable<Uint8Array> {
  const header = headerBytes(metadata, tensors);
  yield header;
  yield padding(header.length);
  for (const { name, type, shape, bytes } of tensors) {
    const expected = ggufBytes(type, elements(shape));
    let written = 0;
    for await (const chunk of bytes()) {
      written += chunk.byteLength;
      yield chunk;
    }
    if (written !== expected) throw dataChanged({ file, field: name, expected: `${expected} bytes`, found: `${written}` });
    yield padding(written);
  }
}

function padding(length: number): Uint8Array {
  return new Uint8Array(padded(length) - length);
}

function padded(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

function headerBytes(metadata: ReadonlyMap<string, GgufValue>, tensors: readonly GgufOutput[]): Uint8Array {
  const out = new Writer();
  out.bytes(new TextEncoder().encode("GGUF"));
  out.scalar("u32", 3);
  out.scalar("u64", BigInt(tensors.length));
  out.scalar("u64", BigInt(metadata.size));
  for (const [key, value] of metadata) {
    out.scalar("string", key);
    out.value(value);
  }
  let offset = 0;
  for (const { name, type, shape } of tensors) {
    out.scalar("string", name);
    out.scalar("u32", shape.length);
    for (const size of [...shape].reverse()) out.scalar("u64", BigInt(size));
    out.scalar("u32", GGUF_TYPES[type].id);
    out.scalar("u64", BigInt(offset));
    offset += padded(ggufBytes(type, elements(shape)));
  }
  return out.done();
}

class Writer {
  private buffer = new Uint8Array(1 << 16);
  private length = 0;

  bytes(bytes: Uint8Array): void {
    if (this.length + bytes.length > this.buffer.length) {
      const larger = new Uint8Array(Math.max(2 * this.buffer.length, this.length + bytes.length));
      larger.set(this.buffer.subarray(0, this.length));
      this.buffer = larger;
    }
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  value(value: GgufValue): void {
    this.scalar("u32", kindId(value.kind));
    if (value.kind !== "array") return this.scalar(value.kind, value.value);
    this.scalar("u32", kindId(value.of));
    this.scalar("u64", BigInt(value.values.length));
    for (const one of value.values) this.scalar(value.of, one);
  }

  scalar(kind: GgufKind, value: GgufScalar): void {
    if (kind === "string") {
      const text = new TextEncoder().encode(value as string);
      this.scalar("u64", BigInt(text.length));
      this.bytes(text);
      return;
    }
    const view = new DataView(new ArrayBuffer(8));
    SETTERS[kind](view, value);
    this.bytes(new Uint8Array(view.buffer, 0, KINDS[kindId(kind)]!.bytes));
  }

  done(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }
}

function kindId(kind: GgufKind | "array"): number {
  return KINDS.findIndex((one) => one.kind === kind);
}

const SETTERS: Readonly<Record<Exclude<GgufKind, "string">, (view: DataView, value: GgufScalar) => void>> = {
  u8: (view, value) => view.setUint8(0, Number(value)),
  i8: (view, value) => view.setInt8(0, Number(value)),
  u16: (view, value) => view.setUint16(0, Number(value), true),
  i16: (view, value) => view.setInt16(0, Number(value), true),
  u32: (view, value) => view.setUint32(0, Number(value), true),
  i32: (view, value) => view.setInt32(0, Number(value), true),
  f32: (view, value) => view.setFloat32(0, Number(value), true),
  f64: (view, value) => view.setFloat64(0, Number(value), true),
  u64: (view, value) => view.setBigUint64(0, BigInt(value), true),
  i64: (view, value) => view.setBigInt64(0, BigInt(value), true),
  bool: (view, value) => view.setUint8(0, value === true ? 1 : 0),
};
