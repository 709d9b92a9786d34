import type { OnnxFlavour } from "../lowering.ts";
import { int8Initializers } from "../weights.ts";
import { codedRows } from "./linear.ts";

function dynamic(id: string, type: "i8" | "u8"): OnnxFlavour {
  return {
    id,
    float: "f32",
    linear: (builder, { weight, stored, x }) => {
      const { codes, scales, zeroPoints } = int8Initializers(builder, weight, stored, type);
      // Projections of one value share its rounding.
      const rounded = builder.once(`rounded ${x}`, () => {
        const outputs = ["quantized", "scale", "zero_point"].map((part) => builder.fresh(`${x}_${part}`));
        return builder.node("DynamicQuantizeLinear", [x], {}, { outputs });
      });
      const [xScale, xZero] = [builder.outputBeside(rounded, 1), builder.outputBeside(rounded, 2)];
      const sums = builder.node("MatMulInteger", [rounded, codes, xZero, zeroPoints]);
      return builder.node("Mul", [builder.cast(sums, "f32"), builder.node("Mul", [xScale, scales])]);
    },
    rows: codedRows,
  };
}

/**
 * Weights int8 per output; what they are multiplied with is rounded to uint8 at run time, one scale and zero point for the whole
 * tensor: DynamicQuantizeLinear → MatMulInteger → Cast → Mul. Products of computed values (attention) stay f32, and tables as they are.
 */
export const onnxInt8Dynamic: OnnxFlavour = dynamic("int8-dynamic", "i8");

/** The same with uint8 weights: exact sums on every machine, also for weights that bring codes of the whole range. */
export const onnxUint8Dynamic: OnnxFlavour = dynamic("uint8-dynamic", "u8");
