import { numbersOf } from "./support/host.ts";
import { expectThat } from "./support/check.ts";
import { sampler } from "./support/cases.ts";
import { sameDim, sameShape, showShape, symbolicSize, type Dim } from "../dim.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

export interface ReshapeAttrs {
  readonly shape: readonly Dim[];
}

/** The same bytes under another shape of the same size; any dtype. */
export const reshapeOp: Op<"reshape", "x", never, "y", ReshapeAttrs> = defineOp({
  name: "reshape",
  inputs: ["x"],
  outputs: ["y"],
  view: true,
  infer: ({ x }, { shape }: ReshapeAttrs) => {
    const fits = sameDim(symbolicSize(x.shape), symbolicSize(shape));
    expectThat(fits, "reshape", "shape", `as many elements as ${showShape(x.shape)}`, showShape(shape));
    return { y: { dtype: x.dtype, shape } };
  },
  reference: ({ x }, { shape }) => ({ y: { ...x, shape: numbersOf(shape) } }),
  gradient: ({ y }, { x }) => (y === undefined ? {} : { x: reshape(y, x.shape) }),
  cases: function* () {
    for (const [from, to] of [
      [
        [2, 3, 4],
        [6, 4],
      ],
      [[6], [1, 6, 1]],
      [[1, 1], []],
      [
        [3, 5],
        [5, 3],
      ],
    ] as const) {
      const name = `[${from.join()}] to [${to.join()}]`;
      yield { name, inputs: { x: sampler(name).f32(from) }, attrs: { shape: to }, tolerance: 0, why: "the bytes are the same" };
    }
  },
});

/** The same elements in row-major order under another shape of the same size. */
export function reshape(x: Value, shape: readonly Dim[]): Value {
  return sameShape(x.shape, shape) ? x : apply(reshapeOp, { x }, { shape }).y;
}
