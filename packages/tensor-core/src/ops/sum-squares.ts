import { mul } from "./binary.ts";
import { floatType, type NoAttrs } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make } from "./support/host.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

/** Σx² over the whole tensor: what norms and gradient clipping need. */
export const sumSquaresOp: Op<"sum-squares", "x", never, "y", NoAttrs> = defineOp({
  name: "sum-squares",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }) => ({ y: { dtype: floatType("sum-squares", { x }), shape: [] } }),
  reference: ({ x }) => {
    let total = 0;
    for (const element of dataOf(x)) total += element * element;
    const y = make(x.dtype, []);
    y.data[0] = total;
    return { y };
  },
  gradient: ({ y }, { x }) => (y === undefined ? {} : { x: mul(x, mul(y, 2)) }),
  cases: function* () {
    for (const shape of [...ODD_SIZES.map((size) => [size]), [], [3, 5, 7], [1000]]) {
      const name = `[${shape.join()}]`;
      yield {
        name,
        inputs: { x: sampler(name).f32(shape) },
        attrs: {},
        tolerance: 1e-5,
        why: "f32 additions in any order",
        checkGradient: shape[0] === 1000 ? [] : ["x"],
      };
    }
  },
});

/** Σx² over the whole tensor, `[]`. */
export function sumSquares(x: Value): Value {
  return apply(sumSquaresOp, { x }, {}).y;
}
