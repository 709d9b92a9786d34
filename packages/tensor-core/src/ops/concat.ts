import { slice } from "./slice.ts";
import { expectAxis, expectDim, expectDType, expectRank, expectThat } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make } from "./support/host.ts";
import { addDims, sizeOf } from "../dim.ts";
import { sameAxis } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

export interface ConcatAttrs {
  readonly axis: number;
}

/** b after a along one axis; any dtype. */
export const concatOp: Op<"concat", "a" | "b", never, "y", ConcatAttrs> = defineOp({
  name: "concat",
  inputs: ["a", "b"],
  outputs: ["y"],
  infer: ({ a, b }, { axis }: ConcatAttrs) => {
    expectAxis("concat", axis, a.shape.length);
    expectRank("concat", "b", b, a.shape.length);
    expectDType("concat", "b", b, a.dtype);
    const shape = a.shape.map((size, i) => {
      if (i !== axis) expectDim("concat", `b, axis ${i}`, b.shape[i]!, size);
      return i === axis ? addDims(size, b.shape[i]!) : size;
    });
    return { y: { dtype: a.dtype, shape } };
  },
  axes: ({ a }, _outputs, { axis }) => [
    ...a.shape.flatMap((_, at) => (at === axis ? [] : [sameAxis("a", at, "y", at), sameAxis("b", at, "y", at)])),
    {
      kind: "join",
      parts: [
        ["a", axis],
        ["b", axis],
      ],
      whole: ["y", axis],
    },
  ],
  reference: ({ a, b }, { axis }) => {
    const y = make(
      a.dtype,
      a.shape.map((size, i) => (i === axis ? size + b.shape[i]! : size)),
    );
    const [lengthA, lengthB] = [sizeOf(a.shape.slice(axis)), sizeOf(b.shape.slice(axis))];
    for (let row = 0; row < sizeOf(a.shape.slice(0, axis)); row++) {
      y.data.set(dataOf(a).subarray(row * lengthA, (row + 1) * lengthA), row * (lengthA + lengthB));
      y.data.set(dataOf(b).subarray(row * lengthB, (row + 1) * lengthB), row * (lengthA + lengthB) + lengthA);
    }
    return { y };
  },
  gradient: ({ y: g }, { a, b }, { y }, { axis }) => {
    if (g === undefined) return {};
    const middle = a.shape[axis]!;
    return {
      a: slice(
        g,
        a.shape.map(() => 0),
        a.shape,
      ),
      b: slice(
        g,
        b.shape.map((_, i) => (i === axis ? middle : 0)),
        y.shape,
      ),
    };
  },
  cases: function* () {
    const shapes: [number[], number[], number][] = [
      [[2, 3], [4, 3], 0],
      [[2, 3, 4], [2, 5, 4], 1],
      [[3, 1, 2], [3, 1, 2], 2],
      [[2, 0], [2, 3], 1],
      ...ODD_SIZES.map((size): [number[], number[], number] => [[3, size], [3, 2], 1]),
    ];
    for (const [left, right, axis] of shapes) {
      const name = `[${left.join()}] and [${right.join()}] along ${axis}`;
      const sample = sampler(name);
      yield { name, inputs: { a: sample.f32(left), b: sample.f32(right) }, attrs: { axis }, tolerance: 0, why: "elements are copied" };
    }
  },
});

/** All values, in order, along one axis; joined in halves, so that no element is copied more than log₂ n times. */
export function concat(values: readonly Value[], axis: number): Value {
  expectThat(values.length > 0, "concat", "values", "at least one value", "none");
  if (values.length === 1) return values[0]!;
  const half = values.length >> 1;
  return apply(concatOp, { a: concat(values.slice(0, half), axis), b: concat(values.slice(half), axis) }, { axis }).y;
}
