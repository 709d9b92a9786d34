/** Loops over strided tensors, made as few as they can be: what kernels of every backend walk by. */

/** One loop: its length, and for each operand how far a step goes (elements). */
export interface Loop {
  readonly size: number;
  readonly strides: readonly number[];
}

/** The loops over `shape`, outermost first: without those of length 1, neighbours merged where all operands run on. At least one. */
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
  return loops.length === 0 ? [{ size: 1, strides: operands.map(() => 0) }] : loops;
}
