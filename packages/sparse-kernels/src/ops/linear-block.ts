/** Linear layers over a weight of blocks, and the two products its gradient is made of. */
import { apply, defineOp, gradientMissing, sum, type Activation, type Op, type Value } from "@pare/tensor-core";
import { blockTypes, expectTypes, multiply, multiplySampled, multiplyTransposed, replaceLast } from "./blocks.ts";
import { gradientCases, linearCases } from "./cases.ts";

export interface BlockAttrs {
  /** Outputs per block. */
  readonly rows: 4 | 8 | 16;
  /** Inputs per block. */
  readonly width: 1 | 2;
  readonly out: number;
  readonly features: number;
}
export interface LinearBlockAttrs extends BlockAttrs {
  /** Applied after the bias and before the residual. */
  readonly activation: Activation;
}
/** Those that kernels must have. */
const CASE_SHAPES: readonly Pick<BlockAttrs, "rows" | "width">[] = [
  { rows: 4, width: 1 },
  { rows: 4, width: 2 },
  { rows: 8, width: 1 },
  { rows: 16, width: 1 },
];
type Weight = "values" | "columns" | "blockRowStarts";

/** y = act(x·Wᵀ + bias) + residual: x `[…, features]` → y `[…, out]`, residual like y, bias `[out]`. */
export const linearBlockOp: Op<"linear-block", "x" | Weight, "bias" | "residual", "y", LinearBlockAttrs> = defineOp({
  name: "linear-block",
  inputs: ["x", "values", "columns", "blockRowStarts"],
  optional: ["bias", "residual"],
  outputs: ["y"],
  epilogue: true,
  infer: (inputs, attrs: LinearBlockAttrs) => {
    const y = replaceLast("linear-block", "x", inputs.x, attrs.features, attrs.out);
    const { starts, ...types } = blockTypes(inputs.columns, y.dtype, attrs);
    expectTypes("linear-block", inputs, { ...types, blockRowStarts: starts, bias: { dtype: y.dtype, shape: [attrs.out] }, residual: y });
    return { y };
  },
  reference: ({ x, bias, residual, ...weight }, { activation, ...attrs }) => ({
    y: multiply(x, { ...attrs, ...weight, starts: weight.blockRowStarts }, { bias, residual, activation }),
  }),
  gradient: ({ y: grad }, { x, values, columns, blockRowStarts, bias, residual }, _outputs, { activation, rows, width, out, features }) => {
    if (grad === undefined) return {};
    if (activation !== "none" || residual !== undefined)
      throw gradientMissing({ op: "linear-block", why: "it is fused; differentiate before fusing" });
    const attrs = { rows, width, out, features };
    return {
      x: apply(linearBlockInputGradientOp, { grad, values, columns, blockRowStarts }, attrs).x,
      values: apply(linearBlockValuesGradientOp, { grad, x, columns, blockRowStarts }, attrs).values,
      ...(bias === undefined ? {} : { bias: sum(grad, leadingAxes(grad)) }),
    };
  },
  cases: function* () {
    for (const shape of CASE_SHAPES) {
      yield* linearCases(shape, ({ starts, grad: _grad, ...tensors }) => ({ ...tensors, blockRowStarts: starts }));
    }
  },
});

/** dx = dy·W: grad `[…, out]` → x `[…, features]`. */
export const linearBlockInputGradientOp: Op<"linear-block-input-gradient", "grad" | Weight, never, "x", BlockAttrs> = defineOp({
  name: "linear-block-input-gradient",
  inputs: ["grad", "values", "columns", "blockRowStarts"],
  outputs: ["x"],
  infer: (inputs, attrs: BlockAttrs) => {
    const x = replaceLast("linear-block-input-gradient", "grad", inputs.grad, attrs.out, attrs.features);
    const { starts, ...types } = blockTypes(inputs.columns, x.dtype, attrs);
    expectTypes("linear-block-input-gradient", inputs, { ...types, blockRowStarts: starts });
    return { x };
  },
  reference: ({ grad, ...weight }, attrs) => ({ x: multiplyTransposed(grad, { ...attrs, ...weight, starts: weight.blockRowStarts }) }),
  cases: function* () {
    for (const shape of CASE_SHAPES) {
      yield* gradientCases(shape, ({ grad, values, columns, starts }) => ({ grad, values, columns, blockRowStarts: starts }));
    }
  },
});

/** dW = dyᵀ·x at the kept places alone: grad `[…, out]`, x `[…, features]` → values `[rows·width·blocks]`, padding 0. */
export const linearBlockValuesGradientOp: Op<
  "linear-block-values-gradient",
  "grad" | "x" | "columns" | "blockRowStarts",
  never,
  "values",
  BlockAttrs
> = defineOp({
  name: "linear-block-values-gradient",
  inputs: ["grad", "x", "columns", "blockRowStarts"],
  outputs: ["values"],
  infer: (inputs, attrs: BlockAttrs) => {
    const x = replaceLast("linear-block-values-gradient", "grad", inputs.grad, attrs.out, attrs.features);
    const { values, columns, starts } = blockTypes(inputs.columns, x.dtype, attrs);
    expectTypes("linear-block-values-gradient", inputs, { x, columns, blockRowStarts: starts });
    return { values };
  },
  reference: ({ grad, x, columns, blockRowStarts }, attrs) => ({
    values: multiplySampled(grad, x, { ...attrs, columns, starts: blockRowStarts }),
  }),
  cases: function* () {
    for (const shape of CASE_SHAPES) {
      yield* gradientCases(shape, ({ grad, x, columns, starts }) => ({ grad, x, columns, blockRowStarts: starts }));
    }
  },
});

/** Adds `linear-block` to the graph of `inputs.x`. */
export function linearBlock(
  inputs: Readonly<Record<"x" | Weight, Value>> & { readonly bias?: Value | undefined; readonly residual?: Value | undefined },
  attrs: LinearBlockAttrs,
): Value {
  return apply(linearBlockOp, inputs, attrs).y;
}

function leadingAxes({ shape }: Value): number[] {
  return shape.slice(1).map((_, axis) => axis);
}
