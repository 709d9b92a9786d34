/** The header of a safetensors file, checked completely before anything else is read or allocated. */
import { isPlainObject, type FileSet } from "@pare/core";
import { byteSize, type DType } from "@pare/tensor-core";
import {
  dtypeUnsupported,
  fileTruncated,
  headerInvalid,
  headerTooLarge,
  offsetsInvalid,
  offsetsOutsideFile,
  tensorsHole,
  tensorsOverlap,
} from "../errors.ts";
import { parseJson } from "../json.ts";
import { at, elements } from "../named-tensors.ts";

/** The format's own cap on its JSON header, in bytes. */
const HEADER_LIMIT = 100_000_000;

/** The format's names of element types. */
export const DTYPE_NAMES: Readonly<Record<DType, string>> = {
  f64: "F64",
  f32: "F32",
  f16: "F16",
  bf16: "BF16",
  i64: "I64",
  u64: "U64",
  i32: "I32",
  u32: "U32",
  i16: "I16",
  u16: "U16",
  i8: "I8",
  u8: "U8",
  bool: "BOOL",
};
const DTYPES = new Map(Object.entries(DTYPE_NAMES).map(([dtype, name]) => [name, dtype as DType]));

interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** In the order of their bytes. */
  readonly entries: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Reads the header alone. Throws a coded error naming file and field for anything the format does not allow. */
export async function readHeader(files: FileSet, name: string): Promise<Header> {
  const file = at(files, name);
  const size = await files.size(name);
  if (size < 8) throw fileTruncated({ file, field: "header size", expected: "8 bytes", found: `${size}` });
  const prefix = await files.read(name, 0, 8);
  const announced = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (announced > BigInt(HEADER_LIMIT)) {
    throw headerTooLarge({ file, field: "header size", expected: `at most ${HEADER_LIMIT} bytes`, found: `${announced}` });
  }
  const start = 8 + Number(announced);
  if (start > size) throw fileTruncated({ file, field: "header", expected: `${announced} bytes`, found: `${size - 8}` });
  const bytes = await files.read(name, 8, start);
  const json = parseJson(bytes, (found) => headerInvalid({ file, field: "header", expected: "JSON", found }));
  if (bytes[0] !== 0x7b || !isPlainObject(json)) {
    throw headerInvalid({ file, field: "header", expected: "a JSON object that starts with {", found: JSON.stringify(json).slice(0, 40) });
  }
  const { __metadata__: metadata, ...tensors } = json;
  const entries = Object.entries(tensors).map(([tensor, entry]) => readEntry({ file, tensor, entry, start, size }));
  return { entries: checkCoverage(file, entries, start, size), metadata: readMetadata(file, metadata) };
}

function readMetadata(file: string, metadata: unknown): Readonly<Record<string, string>> {
  if (metadata === undefined) return {};
  const wrong = isPlainObject(metadata) ? Object.entries(metadata).find(([, value]) => typeof value !== "string") : ["", metadata];
  if (wrong !== undefined) {
    throw headerInvalid({
      file,
      field: `__metadata__${wrong[0] === "" ? "" : `.${String(wrong[0])}`}`,
      expected: "text by name",
      found: typeof wrong[1],
    });
  }
  return metadata as Readonly<Record<string, string>>;
}

interface RawEntry {
  readonly file: string;
  readonly tensor: string;
  readonly entry: unknown;
  /** Where the tensors' bytes start. */
  readonly start: number;
  readonly size: number;
}

function readEntry({ file, tensor, entry, start, size }: RawEntry): TensorEntry {
  const fail = (field: string, expected: string, found: unknown): Error =>
    headerInvalid({ file, field: field === "" ? tensor : `${tensor}.${field}`, expected, found: JSON.stringify(found) ?? "nothing" });
  if (!isPlainObject(entry)) throw fail("", "an object", entry);
  const { dtype: dtypeName, shape, data_offsets: offsets, ...rest } = entry;
  if (Object.keys(rest).length > 0) throw fail("", "dtype, shape and data_offsets alone", Object.keys(entry));
  if (typeof dtypeName !== "string") throw fail("dtype", "the name of an element type", dtypeName);
  const dtype = DTYPES.get(dtypeName);
  if (dtype === undefined) {
    throw dtypeUnsupported({ file, field: `${tensor}.dtype`, expected: [...DTYPES.keys()].join(", "), found: dtypeName });
  }
  if (!isSizes(shape)) throw fail("shape", "a list of whole numbers", shape);
  if (!isSizes(offsets) || offsets.length !== 2) throw fail("data_offsets", "two whole numbers", offsets);
  const [begin, end] = offsets as [number, number];
  const field = `${tensor}.data_offsets`;
  const bytes = elements(shape) * byteSize(dtype);
  if (end > size - start) throw offsetsOutsideFile({ file, field, expected: `at most ${size - start}`, found: `${end}` });
  if (end - begin !== bytes) {
    throw offsetsInvalid({ file, field, expected: `${bytes} bytes for ${dtypeName} [${shape.join(", ")}]`, found: `${end - begin} bytes` });
  }
  return { name: tensor, dtype, shape, begin: start + begin, end: start + end };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** Every byte after the header belongs to exactly one tensor. */
function checkCoverage(file: string, entries: readonly TensorEntry[], start: number, size: number): TensorEntry[] {
  const ordered = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end || (a.name < b.name ? -1 : 1));
  let reached = start;
  for (const { name, begin, end } of ordered) {
    const expected = `bytes from ${reached - start} on`;
    if (begin < reached) throw tensorsOverlap({ file, field: name, expected, found: `a start at ${begin - start}` });
    if (begin > reached) throw tensorsHole({ file, field: name, expected, found: `a start at ${begin - start}` });
    reached = end;
  }
  if (reached !== size) {
    throw tensorsHole({
      file,
      field: ordered.at(-1)?.name ?? "header",
      expected: `the file to end at byte ${reached}`,
      found: `${size} bytes`,
    });
  }
  return ordered;
}
