import { numbersOf } from "./support/host.ts";
import { expectThat } from "./support/check.ts";
import { sampler } from "./support/cases.ts";
import { sameDim, sameShape, showShape, symbolicSize, type Dim } from "../dim.ts";
import type { AxisLink, AxisRef } from "../axes.ts";
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
  axes: ({ x }, { y }) => regrouped(x.shape as readonly number[], y.shape as readonly number[]),
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

/** Runs of axes of both that hold equally many elements; those of size 1 hang on nothing. */
function regrouped(from: readonly number[], to: readonly number[]): AxisLink[] {
  const [left, right] = [refs("x", from), refs("y", to)];
  const links: AxisLink[] = [];
  while (left.length > 0 && right.length > 0) {
    const run = { from: [left.shift()!], to: [right.shift()!] };
    let [a, b] = [run.from[0]!.size, run.to[0]!.size];
    while (a !== b && (a < b ? left : right).length > 0) {
      const [list, rest] = a < b ? [run.from, left] : [run.to, right];
      const next = rest.shift()!;
      if (a < b) a *= next.size;
      else b *= next.size;
      list.push(next);
    }
    links.push({ kind: "split", from: run.from.map(({ ref }) => ref), to: run.to.map(({ ref }) => ref) });
  }
  return links;
}

function refs(name: string, shape: readonly number[]): { readonly ref: AxisRef; readonly size: number }[] {
  return shape.map((size, axis) => ({ ref: [name, axis] as const, size })).filter(({ size }) => size !== 1);
}
