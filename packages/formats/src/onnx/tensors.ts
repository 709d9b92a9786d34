/** Initializers of a file as sources, checked completely before any of their bytes are read. */
import { checkName, type FileSet } from "@pare/core";
import { allocateArray, byteSize, type DType, type TensorSource } from "@pare/tensor-core";
import { dtypeUnsupported, offsetsInvalid, offsetsOutsideFile, onnxInvalid } from "../errors.ts";
import { at, rangeSource } from "../named-tensors.ts";
import type { OnnxTensor } from "./proto.ts";
import type { PlacedTensor } from "./skeleton.ts";
import { dtypeOf } from "./types.ts";

interface Place {
  readonly files: FileSet;
  /** The model file. */
  readonly name: string;
}

/** Throws `formats/onnx-invalid`, `dtype-unsupported`, `offsets-invalid`, `offsets-outside-file`. */
export async function tensorSources(place: Place, placed: readonly PlacedTensor[]): Promise<Map<string, TensorSource>> {
  const present = new Map<string, number>();
  for (const name of await place.files.list()) present.set(name, await place.files.size(name));
  const sources = new Map<string, TensorSource>();
  for (const one of placed) {
    const { name } = one.tensor;
    if (name === "" || sources.has(name)) {
      throw onnxInvalid({
        file: at(place.files, place.name),
        field: "graph.initializer",
        expected: "a name of its own",
        found: JSON.stringify(name),
      });
    }
    sources.set(name, sourceOf(place, one, present));
  }
  return sources;
}

function sourceOf(place: Place, { tensor, raw }: PlacedTensor, present: ReadonlyMap<string, number>): TensorSource {
  const file = at(place.files, place.name);
  const fail = (expected: string, found: string): Error => offsetsInvalid({ file, field: tensor.name, expected, found });
  const dtype = dtypeOf(tensor.dataType);
  if (dtype === undefined) {
    throw dtypeUnsupported({
      file,
      field: tensor.name,
      expected: "floats, integers of 8 bits or more, booleans",
      found: `type ${tensor.dataType}`,
    });
  }
  const shape = tensor.dims.map(Number);
  const bytes = shape.reduce((product, size) => product * size, byteSize(dtype));
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0) || !Number.isSafeInteger(bytes)) {
    throw fail("dimensions that fit memory", `[${tensor.dims.join(", ")}]`);
  }
  if (tensor.dataLocation === 1) {
    if (raw !== undefined) throw fail("data in this file or in another", "both");
    return externalSource(place, tensor, { dtype, shape, bytes }, present);
  }
  if (tensor.dataLocation !== 0) throw fail("data location 0 or 1", `${tensor.dataLocation}`);
  if (raw === undefined) return listedSource(tensor, { dtype, shape, bytes }, fail);
  if (raw.end - raw.begin !== bytes) throw fail(`${bytes} bytes for ${dtype} [${shape.join(", ")}]`, `${raw.end - raw.begin}`);
  return rangeSource({ files: place.files, file: place.name, tensor: tensor.name, dtype, shape, begin: raw.begin });
}

type Type = Pick<TensorSource, "shape" | "bytes"> & { readonly dtype: DType };

function externalSource({ files, name }: Place, tensor: OnnxTensor, type: Type, present: ReadonlyMap<string, number>): TensorSource {
  const file = at(files, name);
  const entries = Object.fromEntries(tensor.externalData.map(({ key, value }) => [key, value]));
  const { location = "", offset = "0", length = String(type.bytes) } = entries;
  // Names that would leave the model's folder are refused, whatever stands there.
  checkName(files.location, location);
  const folder = name.slice(0, name.lastIndexOf("/") + 1);
  const size = present.get(folder + location);
  if (size === undefined)
    throw offsetsOutsideFile({ file, field: tensor.name, expected: `the file ${folder}${location}`, found: "no such file" });
  if (!/^\d{1,15}$/.test(offset) || !/^\d{1,15}$/.test(length)) {
    throw offsetsInvalid({ file, field: tensor.name, expected: "offset and length as whole numbers", found: `${offset}, ${length}` });
  }
  if (Number(length) !== type.bytes) {
    throw offsetsInvalid({
      file,
      field: tensor.name,
      expected: `${type.bytes} bytes for ${type.dtype} [${type.shape.join(", ")}]`,
      found: length,
    });
  }
  const end = Number(offset) + type.bytes;
  if (end > size)
    throw offsetsOutsideFile({ file, field: tensor.name, expected: `at most ${size}, the size of ${location}`, found: `${end}` });
  return rangeSource({ files, file: folder + location, tensor: tensor.name, ...type, begin: Number(offset) });
}

/** Where a type's numbers are listed one by one when they are not raw. */
function listOf(dtype: DType, tensor: OnnxTensor): readonly (number | bigint)[] {
  if (dtype === "f32") return tensor.floatData;
  if (dtype === "f64") return tensor.doubleData;
  if (dtype === "i64") return tensor.int64Data;
  if (dtype === "u32" || dtype === "u64") return tensor.uint64Data;
  return tensor.int32Data;
}

function listedSource(tensor: OnnxTensor, { dtype, shape, bytes }: Type, fail: (expected: string, found: string) => Error): TensorSource {
  const list = listOf(dtype, tensor);
  const count = bytes / byteSize(dtype);
  if (list.length !== count) throw fail(`${count} numbers of ${dtype}`, `${list.length}`);
  const wide = dtype === "i64" || dtype === "u64";
  const data = allocateArray(dtype, count);
  data.set((wide ? list.map(BigInt) : list.map(Number)) as number[] & bigint[]);
  return { dtype, shape, bytes, read: async () => ({ dtype, shape, data }) };
}
