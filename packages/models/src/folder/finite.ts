import { byteSize, type DType, type HostTensor, type TensorSource, type TypedArray } from "@pare/tensor-core";
import { weightNotFinite } from "../errors.ts";

/** The same source, which refuses NaN and infinities when it is read. Throws `models/weight-not-finite`. */
export function finiteSource(source: TensorSource, file: string, tensor: string): TensorSource {
  if (!(source.dtype in EXPONENT)) return source;
  return { ...source, read: async () => checkFinite(await source.read(), file, tensor) };
}

/** Bits of the exponent: all set means NaN or infinity. 64-bit floats are looked at as numbers. */
const EXPONENT: Readonly<Partial<Record<DType, number>>> = { f64: 0, f32: 0x7f800000, f16: 0x7c00, bf16: 0x7f80 };

function checkFinite(tensor: HostTensor, file: string, name: string): HostTensor {
  const at = firstNotFinite(tensor);
  if (at >= 0) {
    const place = tensor.shape
      .reduceRight<number[]>(([rest, ...places], size) => [Math.floor(rest! / size), rest! % size, ...places], [at])
      .slice(1);
    throw weightNotFinite({ file, field: name, expected: "finite numbers", found: `NaN or an infinity at [${place.join(", ")}]` });
  }
  return tensor;
}

function firstNotFinite({ dtype, data }: HostTensor): number {
  if (dtype === "f64") return (data as Float64Array).findIndex((value) => !Number.isFinite(value));
  const mask = EXPONENT[dtype]!;
  const bits = bitsOf(data, byteSize(dtype));
  for (let i = 0; i < bits.length; i++) if ((bits[i]! & mask) === mask) return i;
  return -1;
}

function bitsOf(data: TypedArray, bytes: number): Uint16Array | Int32Array {
  return bytes === 2
    ? new Uint16Array(data.buffer, data.byteOffset, data.length)
    : new Int32Array(data.buffer, data.byteOffset, data.length);
}
