/** Sums and maxima over axes, and the index of the largest. */
import { argmaxOp, maxOp, meanOp, sizeOf, sumOp, sumSquaresOp, type Kernel, type ReduceAttrs } from "@pare/tensor-core";
import { implement, type GpujsEncoder, type GpujsTensor, type GpujsTypes, type Shader } from "../types.ts";
import { rowsOf } from "./strides.ts";

/** y[outer, chunk, inner] over `each` places of x[outer, length, inner] from `chunk * each` on. */
const PARAMETERS = { x: "tensor", inner: "integer", length: "integer", each: "integer", chunks: "integer", factor: "number" } as const;
type Reduction = Shader<typeof PARAMETERS>;

const PLACES = `const place = quotient(i, inner);
  const outer = quotient(place, chunks);
  const first = (place - outer * chunks) * each;
  const start = (outer * length + first) * inner + i - place * inner;
  let count = each;
  if (first + each > length) { count = length - first; }`;

const SUM: Reduction = {
  name: "f32_sum",
  parameters: PARAMETERS,
  body: `${PLACES} let total = 0.0; for (let j = 0; j < count; j++) { total += x[start + j * inner]; } return total * factor;`,
};
const SUM_SQUARES: Reduction = {
  name: "f32_sum_squares",
  parameters: PARAMETERS,
  body: `${PLACES} let total = 0.0;
    for (let j = 0; j < count; j++) { const value = x[start + j * inner]; total += value * value; }
    return total * factor;`,
};
const MAX: Reduction = {
  name: "f32_max",
  parameters: PARAMETERS,
  body: `${PLACES} let largest = x[start];
    for (let j = 1; j < count; j++) { const value = x[start + j * inner]; if (value > largest) { largest = value; } }
    return largest * factor;`,
};

/** Longer sums are cut into about as many parts as each part has places: one output is one thread's work. */
const LONGEST = 256;

interface Axis {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/** @param factor of the result. */
function reduceAxis(
  encoder: GpujsEncoder,
  [first, then]: readonly [Reduction, Reduction],
  x: GpujsTensor,
  y: GpujsTensor,
  { outer, length, inner }: Axis,
  factor: number,
): void {
  if (length <= LONGEST) {
    encoder.pass(first, y, { x, inner, length, each: length, chunks: 1, factor });
    return;
  }
  const each = Math.ceil(Math.sqrt(length));
  const chunks = Math.ceil(length / each);
  const parts = encoder.scratch([outer, chunks, inner]);
  encoder.pass(first, parts, { x, inner, length, each, chunks, factor: 1 });
  reduceAxis(encoder, [then, then], parts, y, { outer, length: chunks, inner }, factor);
}

/** Neighbouring axes at once, from the last on. */
function reduceAxes(encoder: GpujsEncoder, shader: Reduction, x: GpujsTensor, y: GpujsTensor, axes: readonly number[], mean = false): void {
  const factor = mean ? 1 / sizeOf(axes.map((axis) => x.shape[axis]!)) : 1;
  let from = x;
  let rest = axes.filter((axis) => x.shape[axis] !== 1);
  if (rest.length === 0) rest = [axes[0] ?? 0];
  while (rest.length > 0) {
    let begin = rest.length - 1;
    while (begin > 0 && rest[begin - 1] === rest[begin]! - 1) begin--;
    const [low, high] = [rest[begin]!, rest.at(-1)!];
    rest = rest.slice(0, begin);
    const shape = from.shape.map((size, axis) => (axis >= low && axis <= high ? 1 : size));
    const last = rest.length === 0;
    const to = last ? y : encoder.scratch(shape);
    const length = sizeOf(from.shape.slice(low, high + 1));
    const axis = { outer: sizeOf(from.shape.slice(0, low)), length, inner: sizeOf(from.shape.slice(high + 1)) };
    reduceAxis(encoder, [shader, shader], from, to, axis, last ? factor : 1);
    from = to;
  }
}

const ARGMAX = {
  name: "f32_argmax",
  parameters: { x: "tensor", length: "integer" },
  body: `let best = 0.0;
    let largest = x[i * length];
    for (let j = 1; j < length; j++) { const value = x[i * length + j]; if (value > largest) { largest = value; best = j; } }
    return best;`,
} as const;

export const reduceKernels: readonly Kernel<GpujsTypes>[] = [
  implement(sumOp, (encoder, { x }, { y }, { axes }: ReduceAttrs) => reduceAxes(encoder, SUM, x, y, axes)),
  implement(meanOp, (encoder, { x }, { y }, { axes }: ReduceAttrs) => reduceAxes(encoder, SUM, x, y, axes, true)),
  implement(maxOp, (encoder, { x }, { y }, { axes }: ReduceAttrs) => reduceAxes(encoder, MAX, x, y, axes)),
  implement(sumSquaresOp, (encoder, { x }, { y }) =>
    reduceAxis(encoder, [SUM_SQUARES, SUM], x, y, { outer: 1, length: x.size, inner: 1 }, 1),
  ),
  implement(argmaxOp, (encoder, { x }, { y }) => encoder.pass(ARGMAX, y, { x, length: rowsOf(x).length })),
];
