import { mul, sub } from "./binary.ts";
import { sum } from "./broadcast.ts";
import type { NoAttrs } from "./support/check.ts";
import { inferRows, mapRows, softmaxCases } from "./support/softmax.ts";
import { alignedAxes } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

/** e^x / Σe^x along the last axis, the maximum subtracted first. */
export const softmaxOp: Op<"softmax", "x", never, "y", NoAttrs> = defineOp({
  name: "softmax",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }) => ({ y: inferRows("softmax", x) }),
  axes: (inputs, { y }) => alignedAxes(inputs, y),
  reference: ({ x }) => ({ y: mapRows(x, (element, logSum) => Math.exp(element - logSum)) }),
  gradient: ({ y: g }, _inputs, { y }) => (g === undefined ? {} : { x: mul(y, sub(g, sum(mul(g, y), [-1], true))) }),
  cases: () => softmaxCases(),
});

/** eˣ / Σeˣ along the last axis. */
export function softmax(x: Value): Value {
  return apply(softmaxOp, { x }, {}).y;
}
