import { onnxRangeMissing } from "../../errors.ts";
import type { OnnxBuilder, OnnxValue } from "../builder.ts";
import type { OnnxFlavour } from "../lowering.ts";
import { bytesOf } from "../types.ts";
import { int8Initializers } from "../weights.ts";
import { codedRows } from "./linear.ts";

/** Smallest and largest number that was multiplied with a weight, on calibration data. */
export interface ActivationRange {
  readonly min: number;
  readonly max: number;
}

/** uint8 grid of a range, which always holds 0 exactly (Jacob et al. 2018, section 2.1): scale = (max − min) / 255. */
export function uint8Grid({ min, max }: ActivationRange): { readonly scale: number; readonly zeroPoint: number } {
  const [low, high] = [Math.min(0, min), Math.max(0, max)];
  const scale = Math.fround(high === low ? 1 : (high - low) / 255);
  return { scale, zeroPoint: Math.max(0, Math.min(255, Math.round(-low / scale))) };
}

/**
 * Weights int8 per output, activations uint8 on fixed grids: QuantizeLinear → DequantizeLinear before each product with a weight,
 * DequantizeLinear along the output axis on the weight.
 *
 * @param ranges by weight, of what is multiplied with it. A weight without one is `formats/onnx-range-missing`.
 */
export function onnxInt8Static(ranges: ReadonlyMap<string, ActivationRange>): OnnxFlavour {
  return {
    id: "int8-static",
    float: "f32",
    linear: (builder, { weight, stored, x }) => {
      const range = ranges.get(weight);
      if (range === undefined) throw onnxRangeMissing({ field: weight });
      const { codes, scales, zeroPoints } = int8Initializers(builder, weight, stored, "i8");
      const matrix = builder.node("DequantizeLinear", [codes, scales, zeroPoints], { axis: 1 });
      return builder.node("MatMul", [onGrid(builder, x, range), matrix]);
    },
    rows: codedRows,
  };
}

function onGrid(builder: OnnxBuilder, x: OnnxValue, range: ActivationRange): OnnxValue {
  const { scale, zeroPoint } = uint8Grid(range);
  return builder.once(`grid ${x} ${scale} ${zeroPoint}`, () => {
    const grid = [builder.scalar(scale), builder.constant("u8", [], bytesOf(Uint8Array.of(zeroPoint)))];
    return builder.node("DequantizeLinear", [builder.node("QuantizeLinear", [x, ...grid]), ...grid]);
  });
}
