/** Loops over strided tensors, made as short as they can be before they are encoded. */

import type { WasmEncoder } from "../types.ts";

/** One loop: its length, and for each operand how far a step goes (elements). */
export interface Loop {
  readonly size: number;
  readonly strides: readonly number[];
}

/** Elements between neighbours along each axis, row-major. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/** Strides that read a tensor of shape `from` as if it had the shape `to` it broadcasts to. */
export function broadcastTo(from: readonly number[], to: readonly number[]): number[] {
  const strides = rowMajor(from);
  const lead = to.length - from.length;
  return to.map((_, axis) => (axis < lead || from[axis - lead] === 1 ? 0 : strides[axis - lead]!));
}

/** The loops over `shape`, outermost first: without those of length 1, neighbours merged where all operands run on. */
export function collapse(shape: readonly number[], operands: readonly (readonly number[])[]): Loop[] {
  const loops: Loop[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const strides = operands.map((operand) => operand[axis]!);
    const outer = loops.at(-1);
    if (outer !== undefined && outer.strides.every((stride, i) => stride === strides[i]! * size)) {
      loops[loops.length - 1] = { size: outer.size * size, strides };
    } else loops.push({ size, strides });
  });
  return loops;
}

/**
 * Hands on exactly `depth` loops: missing ones go once around, and for what is more than `depth` the body is called for each
 * index with the operands' offsets (elements).
 */
export function eachBlock(
  loops: readonly Loop[],
  { depth, operands }: { readonly depth: number; readonly operands: number },
  body: (offsets: readonly number[], loops: readonly Loop[]) => void,
): void {
  const none = Array.from({ length: operands }, () => 0);
  const descend = (offsets: readonly number[], rest: readonly Loop[]): void => {
    if (rest.length <= depth) {
      const missing = Array.from({ length: depth - rest.length }, (): Loop => ({ size: 1, strides: none }));
      body(offsets, [...missing, ...rest]);
      return;
    }
    const [outer, ...inner] = rest as [Loop, ...Loop[]];
    for (let i = 0; i < outer.size; i++) {
      descend(
        offsets.map((offset, operand) => offset + i * outer.strides[operand]!),
        inner,
      );
    }
  };
  descend(none, loops);
}

/**
 * Divides the outermost loop that runs more than once; `body` gets the operands' offsets (elements) and its part of the loops.
 *
 * @param each nanoseconds an element takes.
 */
export function divideLoops(
  encoder: WasmEncoder,
  loops: readonly Loop[],
  each: number,
  body: (offsets: readonly number[], loops: readonly Loop[]) => void,
): void {
  const last = loops.length - 1;
  const found = loops.findIndex(({ size }) => size > 1);
  const at = found === -1 ? last : found;
  const { size, strides } = loops[at]!;
  const nanoseconds = each * loops.reduce((total, loop) => total * loop.size, 1);
  encoder.divide({ size, grain: at === last ? 16 : 1, nanoseconds }, (begin, end) => {
    body(
      strides.map((stride) => stride * begin),
      loops.with(at, { size: end - begin, strides }),
    );
  });
}
