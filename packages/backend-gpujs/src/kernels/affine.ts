/** Weights kept as integer codes: unpacked into floats for the step that reads them. */
import { dequantizeAffineOp, linearAffineInt8Op, linearAffineOp, rowsAffineOp, type AffineAttrs, type Kernel } from "@pare/tensor-core";
import { implement, type AnyShader, type GpujsEncoder, type GpujsTensor, type GpujsTypes } from "../types.ts";
import { encodeLinear } from "./matmul.ts";
import { optional } from "./optional.ts";
import { rowsOf } from "./strides.ts";

interface Codes {
  readonly codes: GpujsTensor;
  readonly scales: GpujsTensor;
  readonly zeroPoints?: GpujsTensor | undefined;
  readonly ids?: GpujsTensor | undefined;
}

/** y `[rows, features]` = scale·(code − zeroPoint), of all rows or of those that ids name. */
function unpack(
  encoder: GpujsEncoder,
  { codes, scales, zeroPoints, ids }: Codes,
  y: GpujsTensor,
  { bits, features, groupSize }: AffineAttrs,
): void {
  const { parameters, values, suffix } = optional({ zeroPoints, ids });
  const wide = bits === 8;
  const shader: AnyShader = {
    name: `f32_unpack_int${bits}${suffix}`,
    parameters: {
      codes: "tensor",
      scales: "tensor",
      ...parameters,
      features: "integer",
      bytes: "integer",
      groupSize: "integer",
      groups: "integer",
      middle: "number",
    },
    body: `const line = quotient(i, features);
      const column = i - line * features;
      const row = ${ids === undefined ? "line" : "Math.floor(ids[line] + 0.5)"};
      ${
        wide
          ? "const code = codes[row * bytes + column];"
          : `const pair = quotient(column, 2);
      const byte = codes[row * bytes + pair];
      const high = Math.floor(byte * 0.0625);
      let code = high;
      if (column - 2 * pair === 0) { code = byte - 16.0 * high; }`
      }
      const at = row * groups + quotient(column, groupSize);
      return scales[at] * (code - ${zeroPoints === undefined ? "middle" : "zeroPoints[at]"});`,
  };
  const groups = scales.size === 1 ? 0 : scales.shape[1]!;
  encoder.pass(shader, y, { codes, scales, ...values, features, bytes: codes.shape[1]!, groupSize, groups, middle: 2 ** (bits - 1) });
}

const LARGEST = {
  name: "f32_row_largest_magnitude",
  parameters: { x: "tensor", length: "integer" },
  body: `let largest = 0.0;
    for (let j = 0; j < length; j++) { const value = Math.abs(x[i * length + j]); if (value > largest) { largest = value; } }
    return largest;`,
} as const;

/** Results are stored as f32, so each rounding that the op defines is a pass of its own: gpu.js computes in float64 on the CPU. */
const INVERSE = {
  name: "f32_row_levels",
  parameters: { largest: "tensor" },
  body: "const top = largest[i]; let value = 0.0; if (top > 0.0) { value = 127.0 / top; } return value;",
} as const;
const LEVEL = {
  name: "f32_row_level",
  parameters: { x: "tensor", inverse: "tensor", length: "integer" },
  body: "return x[i] * inverse[quotient(i, length)];",
} as const;
/** The nearest of 255 levels between ± the row's largest magnitude, ties to even. */
const ROUND = {
  name: "f32_round_rows",
  parameters: { level: "tensor", largest: "tensor", length: "integer" },
  body: `const wanted = level[i];
    let nearest = Math.floor(wanted + 0.5);
    const halves = Math.floor(nearest * 0.5);
    if (nearest - wanted === 0.5 && nearest - 2.0 * halves > 0.5) { nearest = nearest - 1.0; }
    return nearest * (largest[quotient(i, length)] / 127.0);`,
} as const;

/** Each row at 255 levels. */
function roundRows(encoder: GpujsEncoder, x: GpujsTensor): GpujsTensor {
  const { count, length } = rowsOf(x);
  const [largest, inverse, level, rounded] = [[count], [count], x.shape, x.shape].map((shape) => encoder.scratch(shape)) as [
    GpujsTensor,
    GpujsTensor,
    GpujsTensor,
    GpujsTensor,
  ];
  encoder.pass(LARGEST, largest, { x, length });
  encoder.pass(INVERSE, inverse, { largest });
  encoder.pass(LEVEL, level, { x, inverse, length });
  encoder.pass(ROUND, rounded, { level, largest, length });
  return rounded;
}

function unpacked(encoder: GpujsEncoder, inputs: Codes, attrs: AffineAttrs): GpujsTensor {
  const weight = encoder.scratch([inputs.codes.shape[0]!, attrs.features]);
  unpack(encoder, inputs, weight, attrs);
  return weight;
}

export const affineKernels: readonly Kernel<GpujsTypes>[] = [
  implement(dequantizeAffineOp, (encoder, inputs, { y }, attrs) => unpack(encoder, inputs, y, attrs)),
  implement(rowsAffineOp, (encoder, inputs, { y }, attrs) => unpack(encoder, inputs, y, attrs)),
  implement(linearAffineOp, (encoder, inputs, { y }, attrs) => {
    const { x, bias, residual } = inputs;
    encodeLinear(encoder, { x, weight: unpacked(encoder, inputs, attrs), bias, residual }, y, attrs.activation);
  }),
  implement(linearAffineInt8Op, (encoder, inputs, { y }, attrs) => {
    const { x, bias, residual } = inputs;
    encodeLinear(encoder, { x: roundRows(encoder, x), weight: unpacked(encoder, inputs, attrs), bias, residual }, y, attrs.activation);
  }),
];
