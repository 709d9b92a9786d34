/** A linear layer over int8 blocks that stay as they are, activations rounded as `linear-affine-int8` rounds them. */
import {
  apply,
  asFloat32,
  defineOp,
  f32,
  i32,
  roundRows,
  type Activation,
  type HostTensor,
  type Op,
  type OpCase,
  type Value,
} from "@pare/tensor-core";
import { blockTypes, expectTypes, multiply, replaceLast } from "./blocks.ts";
import { linearCases } from "./cases.ts";

export interface LinearBlockInt8Attrs {
  readonly out: number;
  readonly features: number;
  /** Applied after the bias and before the residual. */
  readonly activation: Activation;
}
type Given = "x" | "pairs" | "scales" | "columns" | "blockRowStarts";

/**
 * y = act(round(x)·Wᵀ + bias) + residual over blocks of 4 outputs × 2 inputs, each row of x rounded to 255 levels between ± its largest
 * magnitude (Yao et al., "ZeroQuant", 2022, section 4.1). Without a gradient: rounding has none.
 *
 * `pairs` i32 `[4 n]`: for each block and output the codes −128…127 of its two inputs, the first in the low 16 bits; W is code · scale of
 * the output. Sums of codes are exact: y is what `linear-affine-int8` gives over the densified codes, to the last bit.
 */
export const linearBlockInt8Op: Op<"linear-block-int8", Given, "bias" | "residual", "y", LinearBlockInt8Attrs> = defineOp({
  name: "linear-block-int8",
  inputs: ["x", "pairs", "scales", "columns", "blockRowStarts"],
  optional: ["bias", "residual"],
  outputs: ["y"],
  epilogue: true,
  infer: (inputs, { out, features }: LinearBlockInt8Attrs) => {
    const y = replaceLast("linear-block-int8", "x", inputs.x, features, out);
    const { starts, columns } = blockTypes(inputs.columns, y.dtype, { rows: 4, width: 2, out });
    expectTypes("linear-block-int8", inputs, {
      pairs: { dtype: "i32", shape: [4 * Number(inputs.columns.shape[0])] },
      scales: { dtype: "f32", shape: [out] },
      columns,
      blockRowStarts: starts,
      bias: { dtype: y.dtype, shape: [out] },
      residual: y,
    });
    return { y };
  },
  reference: ({ x, pairs, scales, columns, blockRowStarts, bias, residual }, { out, features, activation }) => {
    const blocks = { rows: 4, width: 2, out, features, columns, starts: blockRowStarts };
    const values = valuesOf(pairs, scales, blockRowStarts, out);
    const y = multiply(roundRows(x, features), { ...blocks, values }, { bias, residual, activation });
    return { y: x.dtype === "f64" ? y : asFloat32(y) };
  },
  cases: function* () {
    for (const { inputs, attrs, name, ...rest } of linearCases({ rows: 4, width: 2 }, (tensors) => tensors)) {
      const { values, starts, grad: _grad, ...tensors } = inputs;
      const { out, features, activation } = attrs;
      yield {
        ...rest,
        name,
        inputs: { ...tensors, ...quantized(values, out), blockRowStarts: starts },
        attrs: { out, features, activation },
        why: "x is rounded alike; the sums are exact, what follows is f32",
        checkGradient: [],
      } satisfies OpCase<Given, "bias" | "residual", LinearBlockInt8Attrs>;
    }
  },
});

/** Adds `linear-block-int8` to the graph of `inputs.x`. */
export function linearBlockInt8(
  inputs: Readonly<Record<Given, Value>> & { readonly bias?: Value | undefined },
  attrs: LinearBlockInt8Attrs,
): Value {
  return apply(linearBlockInt8Op, inputs, attrs).y;
}

/** The two codes of each output of a block as one number, from a block's values input after input. */
export function pairCodes(codes: ArrayLike<number>): Int32Array {
  return Int32Array.from({ length: codes.length / 2 }, (_, i) => {
    const first = 8 * Math.floor(i / 4) + (i % 4);
    return (codes[first]! & 0xffff) | (codes[first + 4]! << 16);
  });
}

/** Weights as `linear-block` keeps them. */
function valuesOf(pairs: HostTensor, scales: HostTensor, starts: HostTensor, out: number): HostTensor {
  const codes = pairs.data as Int32Array;
  const firsts = starts.data as Int32Array;
  const values = new Float64Array(2 * codes.length);
  for (let row = 0; row + 1 < firsts.length; row++) {
    for (let i = 4 * firsts[row]!; i < 4 * firsts[row + 1]!; i++) {
      const scale = 4 * row + (i % 4) < out ? Number(scales.data[4 * row + (i % 4)]) : 0;
      const at = 8 * Math.floor(i / 4) + (i % 4);
      values[at] = scale * ((codes[i]! << 16) >> 16);
      values[at + 4] = scale * (codes[i]! >> 16);
    }
  }
  return { dtype: "f64", shape: [values.length], data: values };
}

/** Codes and scales out of numbers in [−1, 1). */
function quantized(values: HostTensor, out: number): { pairs: HostTensor; scales: HostTensor } {
  const codes = Int32Array.from(values.data as Float32Array, (value) => Math.round(127 * value));
  const scales = Array.from({ length: out }, (_, row) => (1 + (row % 5)) / 500);
  return { pairs: i32([codes.length / 2], pairCodes(codes)), scales: f32([out], scales) };
}
