/** One module's weight in compressed-tensors' words: `<module>.weight` or `.weight_packed`, `.weight_scale`, `.weight_shape`, `.weight_zero_point`. */
import {
  byteSize,
  packCodes,
  packedRowBytes,
  sourceOf,
  toFloat32,
  unpackCodes,
  type AffineParts,
  type DType,
  type HostTensor,
  type TensorSource,
  type TypedArray,
} from "@pare/tensor-core";
import { signedCodes, unsignedCodes } from "../eight-bits.ts";
import { compressedInvalid } from "../errors.ts";
import type { CompressedFormat, CompressedScheme } from "./config.ts";

/** The scheme that says these codes exactly; undefined: the format cannot. */
export function compressedSchemeOf({ shape, bits, groupSize, scales, zeroPoints }: AffineParts): CompressedScheme | undefined {
  const [out, columns] = shape as [number, number];
  // Widths that do not divide a word were packed in two ways by different versions of the library.
  if (bits !== 2 && bits !== 4 && bits !== 8) return undefined;
  const symmetric = zeroPoints === undefined;
  if (scales.shape[0] !== out && columns <= groupSize) return symmetric ? { bits, symmetric, strategy: "tensor" } : undefined;
  if (groupSize >= columns) return { bits, symmetric, strategy: "channel" };
  return columns % groupSize === 0 ? { bits, symmetric, strategy: "group", groupSize } : undefined;
}

/** The tensors of a module, read when they are used. `int-quantized` holds 8-bit symmetric codes alone. */
export function compressedTensors(module: string, format: CompressedFormat, parts: AffineParts): [string, TensorSource][] {
  const { shape, bits, scales, zeroPoints } = parts;
  const [out, columns] = shape as [number, number];
  const perTensor = scales.shape[0] !== out;
  const scale = derived("f32", perTensor ? [1] : scales.shape, async () => (await scales.read()).data);
  const { codes } = parts;
  if (format === "int-quantized") {
    const signed = async (): Promise<TypedArray> => signedCodes((await codes.read()).data as Uint8Array);
    return [
      [`${module}.weight`, derived("i8", [out, columns], signed)],
      [`${module}.weight_scale`, scale],
    ];
  }
  const words = Math.ceil((columns * bits) / 32);
  const packed = async (): Promise<TypedArray> =>
    toWords((await codes.read()).data as Uint8Array, out, packedRowBytes(columns, bits), words);
  const tensors: [string, TensorSource][] = [
    [`${module}.weight_packed`, derived("i32", [out, words], packed)],
    [`${module}.weight_scale`, scale],
    [`${module}.weight_shape`, sourceOf({ dtype: "i64", shape: [2], data: BigInt64Array.of(BigInt(out), BigInt(columns)) })],
  ];
  if (zeroPoints === undefined) return tensors;
  const groups = scales.shape[1]!;
  const zeroWords = Math.ceil((out * bits) / 32);
  const zero = async (): Promise<TypedArray> => packColumns((await zeroPoints.read()).data as Uint8Array, out, groups, bits);
  return [...tensors, [`${module}.weight_zero_point`, derived("i32", [zeroWords, groups], zero)]];
}

/** A module's tensors by their last names. */
export type ModuleTensors = Readonly<Record<string, TensorSource>>;

/**
 * The codes of a module as they are in the file, by the scheme that the config gives it.
 *
 * Throws `formats/compressed-tensors-invalid` where tensors and scheme contradict each other.
 */
export function affineOfCompressed(
  tensors: ModuleTensors,
  scheme: CompressedScheme,
  [out, columns]: readonly [number, number],
  where: { readonly file: string; readonly module: string },
): AffineParts {
  const { bits, symmetric, strategy } = scheme;
  const groupSize = scheme.groupSize ?? columns;
  const groups = columns / groupSize;
  const check = (name: string, dtypes: readonly DType[], shapes: readonly (readonly number[])[]): TensorSource => {
    const found = tensors[name];
    if (found !== undefined && dtypes.includes(found.dtype) && shapes.some((shape) => shape.join() === found.shape.join())) return found;
    throw compressedInvalid({
      file: where.file,
      field: `${where.module}.${name}`,
      expected: `${dtypes.join(" or ")} [${shapes[0]!.join(", ")}]`,
      found: found === undefined ? "no such tensor" : `${found.dtype} [${found.shape.join(", ")}]`,
    });
  };
  if (!Number.isInteger(groups)) {
    throw compressedInvalid({
      file: where.file,
      field: where.module,
      expected: `groups of ${groupSize} that fill rows of ${columns}`,
      found: "a rest",
    });
  }
  const perTensor = strategy === "tensor";
  const scaleShapes = perTensor ? [[1], [], [1, 1]] : groups === 1 ? [[out, 1], [out]] : [[out, groups]];
  const scale = check("weight_scale", ["f32", "f16", "bf16"], scaleShapes);
  const scaleShape = perTensor ? [1, 1] : [out, groups];
  const scales = derived("f32", scaleShape, async () => {
    const { dtype, data } = await scale.read();
    return toFloat32(dtype, data);
  });
  const rowBytes = packedRowBytes(columns, bits);
  if (tensors["weight_packed"] === undefined) {
    const weight = check("weight", ["i8"], [[out, columns]]);
    const unsigned = async (): Promise<TypedArray> => unsignedCodes((await weight.read()).data as Int8Array);
    return { shape: [out, columns], bits, groupSize, codes: derived("u8", [out, rowBytes], unsigned), scales };
  }
  const words = Math.ceil((columns * bits) / 32);
  const packed = check("weight_packed", ["i32"], [[out, words]]);
  const codes = derived("u8", [out, rowBytes], async () => fromWords((await packed.read()).data as Int32Array, out, rowBytes, words));
  if (symmetric) return { shape: [out, columns], bits, groupSize, codes, scales };
  const zero = check("weight_zero_point", ["i32"], [[Math.ceil((out * bits) / 32), groups]]);
  const zeroPoints = derived("u8", scaleShape, async () => unpackColumns((await zero.read()).data as Int32Array, out, groups, bits));
  return { shape: [out, columns], bits, groupSize, codes, scales, zeroPoints };
}

function derived(dtype: DType, shape: readonly number[], read: () => Promise<TypedArray>): TensorSource {
  const bytes = shape.reduce((product, size) => product * size, 1) * byteSize(dtype);
  return { dtype, shape, bytes, read: async (): Promise<HostTensor> => ({ dtype, shape, data: await read() }) };
}

/** Rows of whole bytes as rows of whole little-endian words: both pack low bits first. */
function toWords(packed: Uint8Array, rows: number, rowBytes: number, words: number): Int32Array {
  const out = new Uint8Array(rows * words * 4);
  for (let row = 0; row < rows; row++) out.set(packed.subarray(row * rowBytes, (row + 1) * rowBytes), row * words * 4);
  return new Int32Array(out.buffer);
}

function fromWords(words: Int32Array, rows: number, rowBytes: number, perRow: number): Uint8Array {
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  const out = new Uint8Array(rows * rowBytes);
  for (let row = 0; row < rows; row++) out.set(bytes.subarray(row * perRow * 4, row * perRow * 4 + rowBytes), row * rowBytes);
  return out;
}

/** Zero points `[out, groups]` packed along their columns: `[ceil(out · bits / 32), groups]`. */
function packColumns(zero: Uint8Array, out: number, groups: number, bits: number): Int32Array {
  const packed = toWords(
    packCodes(turn(zero, out, groups), [groups, out], bits),
    groups,
    packedRowBytes(out, bits),
    Math.ceil((out * bits) / 32),
  );
  return turn(packed, groups, packed.length / groups);
}

function unpackColumns(words: Int32Array, out: number, groups: number, bits: number): Uint8Array {
  const perColumn = words.length / groups;
  const bytes = fromWords(turn(words, perColumn, groups), groups, packedRowBytes(out, bits), perColumn);
  return turn(unpackCodes(bytes, [groups, out], bits), groups, out);
}

function turn<Data extends Uint8Array | Int32Array>(data: Data, rows: number, columns: number): Data {
  const out = new (data.constructor as { new (length: number): Data })(data.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) out[column * rows + row] = data[row * columns + column]!;
  return out;
}
