/** The ways to write numbers, by name. */
import {
  onnxF16,
  onnxF32,
  onnxInt4,
  onnxInt8Dynamic,
  onnxInt8Static,
  onnxUint8Dynamic,
  type ActivationRange,
  type OnnxFlavour,
} from "@pare/formats";

/** `int8-static` needs the ranges of what each weight reads. */
export const FLAVOURS = ["f32", "f16", "int8", "int8-static", "uint8", "int4"] as const;

export function flavourOf(id: (typeof FLAVOURS)[number], ranges: ReadonlyMap<string, ActivationRange> | undefined): OnnxFlavour {
  const of: Readonly<Record<(typeof FLAVOURS)[number], () => OnnxFlavour>> = {
    f32: () => onnxF32,
    f16: () => onnxF16,
    int8: () => onnxInt8Dynamic,
    "int8-static": () => onnxInt8Static(ranges ?? new Map()),
    uint8: () => onnxUint8Dynamic,
    int4: () => onnxInt4,
  };
  return of[id]();
}
