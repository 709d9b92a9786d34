import { mul, sub } from "./binary.ts";
import { sum } from "./broadcast.ts";
import { exp } from "./unary.ts";
import type { NoAttrs } from "./support/check.ts";
import { inferRows, mapRows, softmaxCases } from "./support/softmax.ts";
import { alignedAxes } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

/** x − log Σe^x along the last axis, the maximum subtracted first. */
export const logSoftmaxOp: Op<"log-softmax", "x", never, "y", NoAttrs> = defineOp({
  name: "log-softmax",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }) => ({ y: inferRows("log-softmax", x) }),
  axes: (inputs, { y }) => alignedAxes(inputs, y),
  reference: ({ x }) => ({ y: mapRows(x, (element, logSum) => element - logSum) }),
  gradient: ({ y: g }, _inputs, { y }) => (g === undefined ? {} : { x: sub(g, mul(exp(y), sum(g, [-1], true))) }),
  cases: () => softmaxCases(),
});

/** x − log Σeˣ along the last axis. */
export function logSoftmax(x: Value): Value {
  return apply(logSoftmaxOp, { x }, {}).y;
}
