import { expectThat } from "./support/check.ts";
import { sampler } from "./support/cases.ts";
import { dataOf, make, offsetsOf, stridesOf } from "./support/host.ts";
import { sameAxis } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

export interface TransposeAttrs {
  /** Axis i of the output is axis `axes[i]` of the input. */
  readonly axes: readonly number[];
}

/** Reorders axes; any dtype. */
export const transposeOp: Op<"transpose", "x", never, "y", TransposeAttrs> = defineOp({
  name: "transpose",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }, { axes }: TransposeAttrs) => {
    const whole = axes.length === x.shape.length && x.shape.every((_, axis) => axes.includes(axis));
    expectThat(whole, "transpose", "axes", `each of the ${x.shape.length} axes once`, `[${axes.join(", ")}]`);
    return { y: { dtype: x.dtype, shape: axes.map((axis) => x.shape[axis]!) } };
  },
  axes: (_inputs, _outputs, { axes }) => axes.map((from, to) => sameAxis("x", from, "y", to)),
  reference: ({ x }, { axes }) => {
    const y = make(
      x.dtype,
      axes.map((axis) => x.shape[axis]!),
    );
    const strides = stridesOf(x.shape);
    const data = dataOf(x);
    offsetsOf(
      y.shape,
      axes.map((axis) => strides[axis]!),
    ).forEach((from, i) => (y.data[i] = data[from]!));
    return { y };
  },
  gradient: ({ y }, _inputs, _outputs, { axes }) =>
    y === undefined
      ? {}
      : {
          x: transpose(
            y,
            axes.map((_, axis) => axes.indexOf(axis)),
          ),
        },
  cases: function* () {
    const shapes: [number[], number[]][] = [
      [
        [3, 5],
        [1, 0],
      ],
      [
        [17, 9],
        [1, 0],
      ],
      [
        [33, 8],
        [1, 0],
      ],
      [
        [1, 7],
        [1, 0],
      ],
      [
        [2, 3, 4],
        [2, 0, 1],
      ],
      [
        [2, 3, 4],
        [0, 2, 1],
      ],
      [
        [2, 5, 3, 4],
        [0, 2, 1, 3],
      ],
      [
        [2, 5, 3, 7],
        [0, 2, 3, 1],
      ],
      [
        [2, 3, 2, 3],
        [3, 2, 1, 0],
      ],
      [
        [4, 5],
        [0, 1],
      ],
    ];
    for (const [shape, axes] of shapes) {
      const name = `[${shape.join()}] to ${axes.join()}`;
      yield { name, inputs: { x: sampler(name).f32(shape) }, attrs: { axes }, tolerance: 0, why: "elements are copied" };
    }
  },
});

/** Axis i of the result is axis `axes[i]` of x; any dtype. */
export function transpose(x: Value, axes: readonly number[]): Value {
  return axes.every((axis, i) => axis === i) && axes.length === x.shape.length ? x : apply(transposeOp, { x }, { axes }).y;
}
