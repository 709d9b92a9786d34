/** The header of a GGUF file, checked completely before anything else is read or allocated. */
import type { FileSet } from "@pare/core";
import { fileTruncated, ggufInvalid, ggufTypeUnsupported, ggufVersionUnsupported, headerTooLarge } from "../errors.ts";
import { at, elements } from "../named-tensors.ts";
import {
  GGUF_TYPES,
  KINDS,
  ggufBytes,
  ggufTypeName,
  ggufTypeOf,
  type GgufKind,
  type GgufScalar,
  type GgufType,
  type GgufValue,
} from "./types.ts";

export interface GgufEntry {
  readonly name: string;
  readonly type: GgufType;
  /** Row-major: the file's own order turned round. */
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly begin: number;
  readonly end: number;
}

export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** In the order of their bytes. */
  readonly entries: readonly GgufEntry[];
}

/** A vocabulary of half a million pieces with its merges takes some 30 MB. */
const HEADER_LIMIT = 256 * 1024 * 1024;
const FIRST_READ = 1024 * 1024;
const MAGIC = 0x46554747;
/** Least bytes of a key with its value, and of a tensor's entry. */
const LEAST_PAIR = 8 + 4 + 1;
const LEAST_ENTRY = 8 + 4 + 8 + 4 + 8;
const NAME_LIMIT = 64;

/**
 * Reads the header alone, in growing pieces from the start of the file.
 *
 * Throws a coded error naming file and field for anything the format does not allow; counts are compared with the bytes that
 * are there before any of what they count is made.
 */
export async function readGgufHeader(files: FileSet, name: string): Promise<GgufHeader> {
  const size = await files.size(name);
  const file = at(files, name);
  for (let length = Math.min(size, FIRST_READ); ; length = Math.min(size, HEADER_LIMIT, length * 4)) {
    const reader = new Reader(await files.read(name, 0, length), size, file);
    try {
      return readHeader(reader);
    } catch (error) {
      if (!(error instanceof Short)) throw error;
      if (length === size)
        throw fileTruncated({ file, field: error.field, expected: `${error.needed} bytes more`, found: "the end of the file" });
      if (length === HEADER_LIMIT)
        throw headerTooLarge({ file, field: error.field, expected: `a header of at most ${HEADER_LIMIT} bytes`, found: "a longer one" });
    }
  }
}

/** The piece that was read ends before a value does. */
class Short extends Error {
  readonly field: string;
  readonly needed: number;
  constructor(field: string, needed: number) {
    super("short");
    this.field = field;
    this.needed = needed;
  }
}

class Reader {
  readonly file: string;
  /** Of the whole file. */
  readonly size: number;
  /** What is being read, for errors. */
  field = "header";
  offset = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array, size: number, file: string) {
    this.bytes = bytes;
    this.size = size;
    this.file = file;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  fail(expected: string, found: string): Error {
    return ggufInvalid({ file: this.file, field: this.field, expected, found });
  }

  /** Where the next `count` bytes begin. */
  take(count: number): number {
    if (this.offset + count > this.bytes.length) throw new Short(this.field, this.offset + count - this.bytes.length);
    this.offset += count;
    return this.offset - count;
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  u64(): bigint {
    return this.view.getBigUint64(this.take(8), true);
  }

  /** A count of things that take at least `least` bytes each: no more than the file has room for. */
  count(least: number, what: string): number {
    const count = this.u64();
    const room = Math.floor((this.size - this.offset) / least);
    if (count > BigInt(room)) throw this.fail(`at most ${room} ${what}, which is what the file has room for`, `${count}`);
    return Number(count);
  }

  string(): string {
    const length = this.count(1, "bytes of text");
    const begin = this.take(length);
    try {
      return UTF8.decode(this.bytes.subarray(begin, begin + length));
    } catch {
      throw this.fail("UTF-8", "other bytes");
    }
  }

  scalar(kind: GgufKind): GgufScalar {
    switch (kind) {
      case "u8":
        return this.view.getUint8(this.take(1));
      case "i8":
        return this.view.getInt8(this.take(1));
      case "u16":
        return this.view.getUint16(this.take(2), true);
      case "i16":
        return this.view.getInt16(this.take(2), true);
      case "u32":
        return this.u32();
      case "i32":
        return this.view.getInt32(this.take(4), true);
      case "f32":
        return this.view.getFloat32(this.take(4), true);
      case "f64":
        return this.view.getFloat64(this.take(8), true);
      case "u64":
        return this.u64();
      case "i64":
        return this.view.getBigInt64(this.take(8), true);
      case "string":
        return this.string();
      case "bool": {
        const byte = this.view.getUint8(this.take(1));
        if (byte > 1) throw this.fail("0 or 1", `${byte}`);
        return byte === 1;
      }
    }
  }

  kind(): (typeof KINDS)[number] {
    const id = this.u32();
    const kind = KINDS[id];
    if (kind === undefined) throw this.fail(`a kind of value from 0 to ${KINDS.length - 1}`, `${id}`);
    return kind;
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function readHeader(reader: Reader): GgufHeader {
  const { file } = reader;
  reader.field = "magic";
  const magic = reader.u32();
  if (magic !== MAGIC) throw reader.fail("GGUF", `0x${magic.toString(16).padStart(8, "0")}`);
  const version = reader.u32();
  if (version !== 3 && version !== 2)
    throw ggufVersionUnsupported({
      file,
      field: "version",
      expected: "2 or 3, little-endian",
      found: version % 65_536 === 0 ? "a big-endian file" : `${version}`,
    });
  reader.field = "tensor count";
  const tensors = reader.count(LEAST_ENTRY, "tensors");
  reader.field = "key count";
  const pairs = reader.count(LEAST_PAIR, "keys");
  const metadata = readMetadata(reader, pairs);
  const raw = readEntries(reader, tensors);
  return { metadata, entries: place(reader, raw, alignmentOf(reader, metadata)) };
}

function readMetadata(reader: Reader, pairs: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>();
  for (let index = 0; index < pairs; index++) {
    reader.field = `key ${index}`;
    const key = reader.string();
    reader.field = key;
    if (metadata.has(key)) throw reader.fail("each key once", "it for the second time");
    const { kind } = reader.kind();
    metadata.set(key, kind === "array" ? readArray(reader) : { kind, value: reader.scalar(kind) });
  }
  return metadata;
}

function readArray(reader: Reader): GgufValue {
  const { kind: of, bytes } = reader.kind();
  if (of === "array") throw reader.fail("an array of plain values", "an array of arrays");
  const count = reader.count(bytes, "values");
  const values: GgufScalar[] = [];
  for (let index = 0; index < count; index++) values.push(reader.scalar(of));
  return { kind: "array", of, values };
}

interface RawEntry {
  readonly name: string;
  readonly type: GgufType;
  readonly shape: readonly number[];
  readonly offset: number;
}

function readEntries(reader: Reader, tensors: number): RawEntry[] {
  const entries: RawEntry[] = [];
  const names = new Set<string>();
  for (let index = 0; index < tensors; index++) {
    reader.field = `name of tensor ${index}`;
    const name = reader.string();
    if (new TextEncoder().encode(name).length > NAME_LIMIT) throw reader.fail(`at most ${NAME_LIMIT} bytes`, `${name.length} characters`);
    reader.field = name;
    if (name === "" || names.has(name)) throw reader.fail("a name of its own", name === "" ? "an empty one" : "it for the second time");
    names.add(name);
    entries.push(readEntry(reader, name));
  }
  return entries;
}

function readEntry(reader: Reader, name: string): RawEntry {
  const { file, size } = reader;
  const dims = reader.u32();
  if (dims < 1 || dims > 4) throw reader.fail("1 to 4 dimensions", `${dims}`);
  const sizes = Array.from({ length: dims }, () => reader.u64());
  const id = reader.u32();
  const offset = reader.u64();
  const type = ggufTypeOf(id);
  if (type === undefined) {
    throw ggufTypeUnsupported({ file, field: name, expected: Object.keys(GGUF_TYPES).join(", "), found: ggufTypeName(id) });
  }
  // No tensor of the file can hold more numbers than the file has quarter bytes; so all sizes are small numbers from here on.
  const most = BigInt(size) * 4n;
  const product = sizes.reduce((all, one) => all * one, 1n);
  if (product === 0n || product > most) throw reader.fail("sizes that the file has room for", sizes.join(" × "));
  const shape = sizes.map(Number).reverse();
  const { block } = GGUF_TYPES[type];
  if (shape.at(-1)! % block !== 0) throw reader.fail(`rows of whole blocks of ${block} for ${type}`, `rows of ${shape.at(-1)}`);
  if (offset > BigInt(size)) throw reader.fail(`an offset of at most ${size}`, `${offset}`);
  return { name, type, shape, offset: Number(offset) };
}

function alignmentOf(reader: Reader, metadata: ReadonlyMap<string, GgufValue>): number {
  reader.field = "general.alignment";
  const value = metadata.get("general.alignment");
  if (value === undefined) return 32;
  const alignment = value.kind === "u32" ? (value.value as number) : Number.NaN;
  if (!(alignment >= 8 && alignment <= 65_536 && Number.isInteger(Math.log2(alignment)))) {
    throw reader.fail("a power of two from 8 to 65536, as u32", value.kind === "array" ? "an array" : `${value.value} (${value.kind})`);
  }
  return alignment;
}

/** Every tensor lies behind the one before it, with nothing but padding between them and behind the last. */
function place(reader: Reader, raw: readonly RawEntry[], alignment: number): GgufEntry[] {
  const padded = (offset: number): number => Math.ceil(offset / alignment) * alignment;
  const start = padded(reader.offset);
  const ordered = [...raw].sort((a, b) => a.offset - b.offset);
  let reached = 0;
  const entries = ordered.map(({ name, type, shape, offset }): GgufEntry => {
    reader.field = name;
    if (offset !== padded(reached)) throw reader.fail(`an offset of ${padded(reached)}`, `${offset}`);
    reached = offset + ggufBytes(type, elements(shape));
    return { name, type, shape, begin: start + offset, end: start + reached };
  });
  if (start + reached > reader.size && entries.length > 0) {
    throw fileTruncated({ file: reader.file, field: reader.field, expected: `${start + reached} bytes`, found: `${reader.size}` });
  }
  reader.field = "data";
  if (reader.size > start + padded(reached)) {
    throw reader.fail(`the file to end at byte ${start + padded(reached)}`, `${reader.size} bytes`);
  }
  return entries;
}
