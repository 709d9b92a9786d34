/** Linear layers over a CSR weight, and the two products its gradient is made of. */
import { apply, defineOp, gradientMissing, sum, type Activation, type Op, type Value } from "@pare/tensor-core";
import { blockTypes, expectTypes, multiply, multiplySampled, multiplyTransposed, replaceLast } from "./blocks.ts";
import { gradientCases, linearCases } from "./cases.ts";

export interface CsrAttrs {
  readonly out: number;
  readonly features: number;
}
export interface LinearCsrAttrs extends CsrAttrs {
  /** Applied after the bias and before the residual. */
  readonly activation: Activation;
}
type Weight = "values" | "columns" | "rowStarts";

/** y = act(x·Wᵀ + bias) + residual: x `[…, features]` → y `[…, out]`, residual like y, bias `[out]`. */
export const linearCsrOp: Op<"linear-csr", "x" | Weight, "bias" | "residual", "y", LinearCsrAttrs> = defineOp({
  name: "linear-csr",
  inputs: ["x", "values", "columns", "rowStarts"],
  optional: ["bias", "residual"],
  outputs: ["y"],
  epilogue: true,
  infer: (inputs, { out, features }: LinearCsrAttrs) => {
    const y = replaceLast("linear-csr", "x", inputs.x, features, out);
    const { starts, ...types } = blockTypes(inputs.columns, y.dtype, { rows: 1, width: 1, out });
    expectTypes("linear-csr", inputs, { ...types, rowStarts: starts, bias: { dtype: y.dtype, shape: [out] }, residual: y });
    return { y };
  },
  reference: ({ x, bias, residual, ...weight }, { activation, ...attrs }) => ({
    y: multiply(x, { rows: 1, width: 1, ...attrs, ...weight, starts: weight.rowStarts }, { bias, residual, activation }),
  }),
  gradient: ({ y: grad }, { x, values, columns, rowStarts, bias, residual }, _outputs, { activation, out, features }) => {
    if (grad === undefined) return {};
    if (activation !== "none" || residual !== undefined)
      throw gradientMissing({ op: "linear-csr", why: "it is fused; differentiate before fusing" });
    const attrs = { out, features };
    return {
      x: apply(linearCsrInputGradientOp, { grad, values, columns, rowStarts }, attrs).x,
      values: apply(linearCsrValuesGradientOp, { grad, x, columns, rowStarts }, attrs).values,
      ...(bias === undefined ? {} : { bias: sum(grad, leadingAxes(grad)) }),
    };
  },
  cases: () =>
    linearCases({}, ({ x, values, columns, starts, bias, residual }) => ({ x, values, columns, rowStarts: starts, bias, residual })),
});

/** dx = dy·W: grad `[…, out]` → x `[…, features]`. */
export const linearCsrInputGradientOp: Op<"linear-csr-input-gradient", "grad" | Weight, never, "x", CsrAttrs> = defineOp({
  name: "linear-csr-input-gradient",
  inputs: ["grad", "values", "columns", "rowStarts"],
  outputs: ["x"],
  infer: (inputs, { out, features }: CsrAttrs) => {
    const x = replaceLast("linear-csr-input-gradient", "grad", inputs.grad, out, features);
    const { starts, ...types } = blockTypes(inputs.columns, x.dtype, { rows: 1, width: 1, out });
    expectTypes("linear-csr-input-gradient", inputs, { ...types, rowStarts: starts });
    return { x };
  },
  reference: ({ grad, ...weight }, attrs) => ({
    x: multiplyTransposed(grad, { rows: 1, width: 1, ...attrs, ...weight, starts: weight.rowStarts }),
  }),
  cases: () => gradientCases({}, ({ grad, values, columns, starts }) => ({ grad, values, columns, rowStarts: starts })),
});

/** dW = dyᵀ·x at the kept places alone: grad `[…, out]`, x `[…, features]` → values `[n]`. */
export const linearCsrValuesGradientOp: Op<
  "linear-csr-values-gradient",
  "grad" | "x" | "columns" | "rowStarts",
  never,
  "values",
  CsrAttrs
> = defineOp({
  name: "linear-csr-values-gradient",
  inputs: ["grad", "x", "columns", "rowStarts"],
  outputs: ["values"],
  infer: (inputs, { out, features }: CsrAttrs) => {
    const x = replaceLast("linear-csr-values-gradient", "grad", inputs.grad, out, features);
    const { values, columns, starts } = blockTypes(inputs.columns, x.dtype, { rows: 1, width: 1, out });
    expectTypes("linear-csr-values-gradient", inputs, { x, columns, rowStarts: starts });
    return { values };
  },
  reference: ({ grad, x, columns, rowStarts }, attrs) => ({
    values: multiplySampled(grad, x, { rows: 1, width: 1, ...attrs, columns, starts: rowStarts }),
  }),
  cases: () => gradientCases({}, ({ grad, x, columns, starts }) => ({ grad, x, columns, rowStarts: starts })),
});

/** Adds `linear-csr` to the graph of `inputs.x`. */
export function linearCsr(
  inputs: Readonly<Record<"x" | Weight, Value>> & { readonly bias?: Value | undefined; readonly residual?: Value | undefined },
  attrs: LinearCsrAttrs,
): Value {
  return apply(linearCsrOp, inputs, attrs).y;
}

function leadingAxes({ shape }: Value): number[] {
  return shape.slice(1).map((_, axis) => axis);
}
