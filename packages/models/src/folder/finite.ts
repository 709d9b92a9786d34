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
  const size = byteSize(dtype);
  const bits = bitsOf(data, size);
  for (let i = firstSuspect(data, mask, size); i < bits.length; i++) if ((bits[i]! & mask) === mask) return i;
  return -1;
}

/**
 * An element before which all are finite: eight words of 32 bits are looked at together, each one number or two of 16 bits. The lowest
 * bit of an exponent, added to it, reaches the bit above only where all of its bits are set.
 */
function firstSuspect(data: TypedArray, exponent: number, size: number): number {
  if (data.byteOffset % 4 !== 0) return 0;
  const words = new Int32Array(data.buffer, data.byteOffset, Math.floor(data.byteLength / 4));
  const both = (half: number): number => (size === 4 ? half : half | (half << 16));
  const [mask, one, above] = [both(exponent), both(exponent & -exponent), size === 4 ? 0x80000000 : 0x80008000];
  const carried = (at: number): number => (words[at]! & mask) + one;
  let at = 0;
  for (; at + 8 <= words.length; at += 8) {
    const low = carried(at) | carried(at + 1) | carried(at + 2) | carried(at + 3);
    const high = carried(at + 4) | carried(at + 5) | carried(at + 6) | carried(at + 7);
    if (((low | high) & above) !== 0) break;
  }
  return (at * 4) / size;
}

function bitsOf(data: TypedArray, bytes: number): Uint16Array | Int32Array {
  return bytes === 2
    ? new Uint16Array(data.buffer, data.byteOffset, data.length)
    : new Int32Array(data.buffer, data.byteOffset, data.length);
}
